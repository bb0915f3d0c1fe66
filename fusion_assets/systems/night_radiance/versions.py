"""Versions of what this system computes: raise one when it would compute otherwise, and what rests on it is stale."""

CELLS = "1"
SENSOR = "1"
EVALUATION = "1"
MODEL = "1"
MAP = "1"
REPORT = "1"
STAC = "1"

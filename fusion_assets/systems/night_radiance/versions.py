"""Versions of what this system computes: raise one when it would compute otherwise, and what rests on it is stale."""

CELLS = "1"
SENSOR = "1"
EVALUATION = "2"
MODEL = "2"
MAP = "2"
REPORT = "2"
STAC = "1"

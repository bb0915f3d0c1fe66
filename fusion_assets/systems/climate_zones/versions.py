"""Versions of what assets are made by: raised where the same input would give another result."""

PATCHES = "1"
SPLITS = "1"
NETWORKS = "1"
SCORES = "1"

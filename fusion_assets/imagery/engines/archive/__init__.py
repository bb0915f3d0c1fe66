"""Pixels from a STAC catalog of files or a STAC API, computed on this machine."""

"""Which generators there are."""

GENERATORS = ("items", "rasters", "samples", "settings", "studies")

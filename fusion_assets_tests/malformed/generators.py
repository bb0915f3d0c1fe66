"""Which generators there are."""

GENERATORS = ("items", "rasters", "settings")

"""Which generators there are."""

GENERATORS = ("items", "rasters", "servers", "settings")

"""Which generators there are."""

GENERATORS = ("rasters", "settings")

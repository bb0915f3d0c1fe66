"""Which generators there are."""

GENERATORS = ("items", "models", "rasters", "servers", "settings", "stored_files")

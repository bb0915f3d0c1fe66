"""Which generators there are."""

GENERATORS = ("items", "models", "rasters", "samples", "servers", "settings", "stored_files", "studies")

"""Which generators there are."""

GENERATORS = ("items", "models", "rasters", "samples", "servers", "services", "settings", "stored_files", "studies")

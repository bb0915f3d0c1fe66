"""Which generators there are."""

GENERATORS = ("settings", "stored_files", "models")

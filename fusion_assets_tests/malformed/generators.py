"""Which generators there are."""

GENERATORS = (
    "areas", "districts", "items", "models", "rasters", "samples", "servers", "services", "settings", "stored_files",
    "studies",
)  # fmt: skip

"""The assets and checks of gap-free NDVI, as Dagster sees them."""

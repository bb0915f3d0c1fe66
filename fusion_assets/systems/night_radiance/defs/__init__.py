"""The assets and checks of night radiance, as Dagster sees them."""

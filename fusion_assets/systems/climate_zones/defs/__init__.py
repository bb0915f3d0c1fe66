"""The assets and checks of local climate zones, as Dagster sees them."""

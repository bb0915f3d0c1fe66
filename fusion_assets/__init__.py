"""Maps of human settlement from fused satellite sensors, every artifact a Dagster asset."""

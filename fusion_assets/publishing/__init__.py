"""Maps for other software: STAC items and collections in one catalog."""

"""Assets of patches and embeddings: what Dagster sees of them."""

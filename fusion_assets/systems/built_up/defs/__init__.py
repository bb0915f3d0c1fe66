"""The assets and checks of built-up land, as Dagster sees them: dependencies, texts, metadata."""

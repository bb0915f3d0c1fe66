"""From scenes to composites. No module of this room imports dagster."""

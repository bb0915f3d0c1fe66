"""A map of zones as the files that other people's tools open; each file is written whole or not at all."""

"""STAC catalogs of files that people have downloaded: what their names say, what they hold, and the items of them."""

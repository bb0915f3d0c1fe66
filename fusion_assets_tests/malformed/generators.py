"""Which generators there are."""

GENERATORS = ("items", "servers", "settings")

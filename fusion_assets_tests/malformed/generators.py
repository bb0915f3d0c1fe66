"""Which generators there are."""

GENERATORS = ("items", "settings")

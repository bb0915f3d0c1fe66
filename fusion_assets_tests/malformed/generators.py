"""Which generators there are."""

GENERATORS = ("settings", "studies", "samples")

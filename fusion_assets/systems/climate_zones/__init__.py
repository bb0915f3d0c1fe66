"""Local climate zones: what belongs to this system alone."""

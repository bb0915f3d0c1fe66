"""Coincident patches of radar and optics, and what is learnt from them: what belongs to this system alone."""

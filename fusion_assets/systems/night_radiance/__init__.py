"""Night radiance at high resolution: what belongs to this system alone."""

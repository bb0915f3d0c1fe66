"""The encoder: what it sees, how it is built, what it learns from without labels, and its answers. Pure code."""

"""Ways from cells to pixels, all behind one interface."""

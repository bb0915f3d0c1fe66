"""How gaps are filled: series, estimators, their intervals, and gaps simulated to measure them."""

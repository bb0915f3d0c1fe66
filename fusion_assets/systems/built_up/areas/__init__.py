"""Built-up land as area: trend, change, and the reference sample that adjusts both."""

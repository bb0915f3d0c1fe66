"""The classifier of built-up land: neighbourhood network, its forest to compare with, prediction."""

"""Benchmarks: what is fast, against what, on this machine. Run them all with `make bench`."""

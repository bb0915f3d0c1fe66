"""Chaos: the whole system as separate processes, of which random ones are killed at random moments.

`python -m fusion_assets_tests.chaos --seed N --kills K`. Exports are asked for as the web UI asks for them; daemon,
code server, workers of runs and the loopback Earth Engine are killed and started again; then everything is left in
peace, and the records of Dagster and of the loopback must agree: nothing lost, nothing twice.

`--interrupts K` sends SIGINT and SIGTERM to `fusion run` instead, at random moments, until nothing is left to do, and
compares what has been made with what a run in peace makes.
"""

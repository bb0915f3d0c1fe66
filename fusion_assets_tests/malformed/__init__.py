"""Malformed input of every kind, put through what users do with it.

A generator is a module here with `cases(seed, count)`, which yields seeded `Case`s, and two numbers: `FEW`, how many
fit into the quick tier, and `MANY`, for the slow one. `trial` runs them in a process of their own and gives each a
verdict. By hand, with the traceback of what failed:

    python -m fusion_assets_tests.malformed                        every generator, FEW cases each, a table of verdicts
    python -m fusion_assets_tests.malformed rasters --many --seed 3
    python -m fusion_assets_tests.malformed rasters --only NAME
"""

"""The code location of these runs: the project's own, with sensors that look more often.

What does not belong here: anything that changes what the project does.
"""

from fusion_assets.definitions import defs

for _sensor in defs.sensors or ():
    _sensor._min_interval = 3  # type: ignore[union-attr]

__all__ = ["defs"]

"""Synthetic cities with all seventeen local climate zones: an exam in the shape of So2Sat LCZ42, and scenes to map.

Zones are told by what stands on the ground (`recipes`), seen by the demo's materials. Cities differ from each other
(`look`): what is learnt in some of them holds in others only in part, as in the world.
"""

from fusion_assets.demo.cities.files import build

__all__ = ["build"]

"""A synthetic world seen by both sensors within days: Sentinel-2 level 2A, Sentinel-1, and what covers the ground.

It is the demo's land in miniature: what is a pixel of 250 m there is one of 10 m here, so that woods, fields, rivers
and villages of a few hundred metres lie in a patch. A second world has other places, to try on what was learnt in the
first.
"""

from fusion_assets.demo.pairs.files import build

__all__ = ["build"]

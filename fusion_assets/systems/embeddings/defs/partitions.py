"""Partitions of the corpus: shards of patches."""

from fusion_assets.orchestration.partitions import Axis
from fusion_assets.orchestration.site import Site
from fusion_assets.systems.embeddings.section import use_of


def shards(site: Site) -> Axis:
    """Shards, `0000` onwards: known beforehand, for the plan keeps places without a pair."""
    return Axis("shard", list(use_of(site.study).shards))

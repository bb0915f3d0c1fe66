"""The section `embeddings` as studies know it: what stands in it, and its maps as features for other systems."""

from __future__ import annotations

from functools import partial

from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.study.sections import SystemSection
from fusion_assets.study.vectors import VectorMap
from fusion_assets.systems.embeddings.imagery_requests import MAP, facts_of
from fusion_assets.systems.embeddings.maps import STEPS, band_names
from fusion_assets.systems.embeddings.section import EmbeddingsUse, map_period, map_years, problems, section_of
from fusion_assets.systems.embeddings.sensors import FINEST


def vectors_of(study: Study) -> VectorMap | None:
    """The maps as what other systems may take as features; None where nothing is mapped."""
    section = section_of(study)
    if section is None or not section.maps:
        return None

    def recipe(settings: Settings, region: str, year: int) -> str:
        return facts_of(study, settings, MAP, region, year)["recipe_digest"]

    return VectorMap(
        asset=MAP,
        bands=band_names(section.encoder.dim),
        regions=section.maps,
        years=map_years(study),
        resolution=float(section.stride * FINEST),
        steps=float(STEPS),
        products=(section.sentinel2.product, section.sentinel1.product),
        span=partial(map_period, study),
        recipe=recipe,
    )


EMBEDDINGS_SECTION = SystemSection(
    EmbeddingsUse,
    "coincident patches of radar and optics, and their embeddings",
    {"count": 10_000, "period": ["2021-01-01", "2021-12-31"]},
    problems,
    vectors=vectors_of,
)

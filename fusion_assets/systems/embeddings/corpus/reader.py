"""The reader of an engine: who is asked for the pixels of a patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_assets.errors import FusionError
from fusion_assets.settings import Settings
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.reading import Read
from fusion_assets.systems.embeddings.section import EmbeddingsUse


def layout_of(use: EmbeddingsUse) -> Layout:
    """How the patches of a study lie."""
    return Layout(use.patch_size, use.sentinel2.product, use.sentinel1.product, use.bands)


def reader_of(use: EmbeddingsUse, settings: Settings, rows: Sequence[Mapping[str, Any]]) -> Read:
    """Who reads the patches of some rows of the plan.

    Raises:
        FusionError: the engine has no patches.
    """
    layout = layout_of(use)
    if settings.engine == "earth_engine":
        from fusion_assets.imagery.engines.earth_engine.connection import Connection
        from fusion_assets.systems.embeddings.corpus.earth_engine import EarthEngineReader

        return EarthEngineReader(Connection(settings.ee_project, settings.ee_url), layout)
    if settings.engine != "archive":
        raise FusionError(
            f"the engine {settings.engine} cuts no patches", "archive or earth_engine", "set FUSION_ENGINE"
        )
    from fusion_assets.systems.embeddings.corpus.named_scenes import NamedScenes
    from fusion_assets.systems.embeddings.corpus.reading import ArchiveReader

    products = (use.sentinel2, use.sentinel1)
    pays = any(each.archive and each.archive.requester_pays for each in products)
    scenes = NamedScenes(rows, *products, settings.archive)
    return ArchiveReader(scenes, layout, pays, {each.product: each.assets for each in products})

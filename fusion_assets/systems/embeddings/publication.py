"""What other software is given of embeddings: the maps, with the words that describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion_assets.publishing.publication import Band, Publication
from fusion_assets.reports.previews import COLOURS
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.maps import NO_DATA, STEPS, band_names, components

if TYPE_CHECKING:
    import datetime as dt

    from fusion_assets.study import Study


def _products(study: Study) -> tuple[str, ...]:
    from fusion_assets.systems.embeddings.section import use_of

    return use_of(study).sentinel2.product, use_of(study).sentinel1.product


def _span(study: Study, year: int) -> tuple[dt.date, dt.date]:
    from fusion_assets.systems.embeddings.section import map_period

    return map_period(study, year)


def _bands(study: Study) -> tuple[Band, ...]:
    from fusion_assets.systems.embeddings.section import use_of

    names = band_names(use_of(study).encoder.dim)
    return tuple(
        Band(name, f"Number {index} of the embedding, times {STEPS}; {NO_DATA} is no data", "viridis")
        for index, name in enumerate(names, 1)
    )


def _regions(study: Study) -> tuple[str, ...]:
    from fusion_assets.systems.embeddings.section import use_of

    return use_of(study).maps


MAPS = Publication(
    name="embeddings",
    title="Embeddings of radar and optics",
    text=(
        "An embedding of the patch around the middle of every cell, by both sensors: a vector of unit length, whose "
        "numbers mean something only beside others of the same encoder. Divide by the length anew after reading whole "
        "numbers. The encoder has learnt from single scenes and reads medians of a period here, which have less "
        "speckle; compare cells of a map with each other, and with patches only with care. Colours of the small "
        "picture are those of one map alone."
    ),
    asset_title="Numbers of the embedding",
    lineage="Median composites of {scenes}, read window by window by an encoder learnt without labels.",
    keywords=("embedding", "radar", "optics", "similarity"),
    asset="embedding_map",
    bands=(),
    more_bands=_bands,
    regions=_regions,
    stored=("int8", NO_DATA),
    picture=components,
    thumbnail=COLOURS,
    products=_products,
    span=_span,
    version=versions.STAC,
)

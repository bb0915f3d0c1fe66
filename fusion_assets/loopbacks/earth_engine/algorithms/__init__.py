"""The algorithms that this service knows, one idea a module. A name that is not registered is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusion_assets.loopbacks.earth_engine.algorithms import (
    arithmetic,
    arrays,
    bands,
    collections,
    dates,
    dictionaries,
    elements,
    expressions,
    filters,
    geometries,
    joins,
    kernels,
    lists,
    masks,
    number_types,
    projections,
    reducers,
    regions,
    resolution,
    stacks,
    strings,
)
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS
from fusion_assets.loopbacks.earth_engine.catalog import Catalog


def algorithms_for(catalog: Catalog) -> dict[str, Callable[..., Any]]:
    """All algorithms, with those that load assets bound to a catalog."""
    return {
        **ALGORITHMS,
        "Image.load": lambda name, version: catalog.image(name),
        "ImageCollection.load": lambda name, version: catalog.image_collection(name),
        "Collection.loadTable": lambda name, column, version: catalog.table(name),
    }

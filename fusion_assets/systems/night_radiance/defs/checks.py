"""Asset checks of night radiance: what must hold of every map, answered by the asset as it is made."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from fusion_assets.systems.night_radiance import judgement
from fusion_assets.systems.night_radiance.imagery_requests import MAP

if TYPE_CHECKING:
    import numpy as np

_TEXTS = {
    "total_conserved": f"The map's total is the product's within {judgement.MOST_OF_TOTAL:.2%}.",
    "cells_conserved": f"The product's cells follow from the map within {judgement.MOST_OF_CELLS:.0%} of their sum.",
    "not_negative": "No pixel is darker than dark, and every interval holds its pixel.",
}


def map_check_specs(partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """The checks that the map answers itself."""
    return [
        dg.AssetCheckSpec(name, asset=MAP, description=text, partitions_def=partitions) for name, text in _TEXTS.items()
    ]


def map_check_results(kept: Mapping[str, float], bands: "Mapping[str, np.ndarray]") -> Iterator[dg.AssetCheckResult]:
    """Results of `map_check_specs`.

    Args:
        kept: of `mapping.conservation`.
        bands: of `mapping.fine_map`.
    """
    for each in judgement.of_map(kept, bands):
        yield dg.AssetCheckResult(
            passed=each.passed,
            asset_key=MAP,
            check_name=each.name,
            severity=dg.AssetCheckSeverity.WARN,
            description=each.sentence,
            metadata=dict(each.facts),
        )

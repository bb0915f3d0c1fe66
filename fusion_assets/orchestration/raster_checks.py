"""Asset checks of rasters, for any system: grid and bands, valid share and range of values, read once."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from fusion_assets.grids.grid import Grid
from fusion_assets.orchestration.partitions import region_and_year
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster

SPARSE = 0.5
"""Share of the region's pixels that should be valid."""
STRAY = 0.001
"""Share of valid pixels that may lie outside the physical range before it is worth a look."""
_BLOCKING = ("same_grid", "bands")
_TEXTS = {
    "same_grid": "Lies on the region's grid to the pixel.",
    "bands": "Has the bands that the study names.",
    "valid_share": f"At least {SPARSE:.0%} of the region's pixels have a value.",
    "value_range": f"At most {STRAY:.1%} of the values lie outside the physical range.",
}


def raster_check(
    site: Site,
    asset: str,
    partitions: dg.PartitionsDefinition | None,
    bands: Sequence[str],
    ranges: Mapping[str, tuple[float, float]],
    no_data: Mapping[str, float] | None = None,
) -> dg.AssetChecksDefinition:
    """Grid and bands (blocking), valid share and value range of one raster asset.

    Args:
        site: of the study.
        asset: name.
        partitions: of the asset.
        bands: that it must have.
        ranges: lowest and highest physical value, by band.
        no_data: by band, the number that stands for no data where NaN does not.
    """
    specs = [
        dg.AssetCheckSpec(name, asset=asset, description=text, blocking=name in _BLOCKING, partitions_def=partitions)
        for name, text in _TEXTS.items()
    ]

    @dg.multi_asset_check(name=f"check_{asset}", specs=specs, ins={"raster": dg.AssetIn(asset)})
    def check(context: dg.AssetCheckExecutionContext, raster: Raster) -> Iterator[dg.AssetCheckResult]:
        region, _ = region_and_year(context.partition_key)
        stored, expected = Grid.of(raster), site.study.grid(region)
        yield check_result(
            "same_grid", asset, stored.digest == expected.digest, found=stored.digest, expected=expected.digest
        )
        missing = [band for band in bands if band not in raster.data_vars]
        yield check_result("bands", asset, not missing, missing=", ".join(missing) or "none")
        complete = raster[[band for band in bands if band not in missing]]
        inside = expected.inside(site.study.polygon(region))
        share, stray = _shares(complete, ranges, no_data or {}, inside)
        yield check_result("valid_share", asset, share >= SPARSE, share=share)
        yield check_result("value_range", asset, stray <= STRAY, share_outside=stray)

    return check


def _shares(
    raster: Raster, ranges: Mapping[str, tuple[float, float]], no_data: Mapping[str, float], inside: object
) -> tuple[float, float]:
    """Share of the region that is valid (worst band), and share of valid values outside their range (worst band)."""
    import dask.array as da

    region = da.from_array(inside, chunks=raster[next(iter(raster.data_vars))].data.chunks)
    counts = []
    for name, band in raster.data_vars.items():
        low, high = ranges[str(name)]
        valid = da.isfinite(band.data)
        if str(name) in no_data:
            valid &= band.data != no_data[str(name)]
        stray = valid & ((band.data < low) | (band.data > high))
        counts.append(da.stack([(valid & region).sum(), valid.sum(), stray.sum(), region.sum()]))
    sums = da.stack(counts).compute()
    share = min(float(inner / max(total, 1)) for inner, _, _, total in sums)
    return share, max(float(outside / max(valid, 1)) for _, valid, outside, _ in sums)


def check_result(name: str, asset: str, passed: bool, sentence: str = "", **facts: object) -> dg.AssetCheckResult:
    """One result, with its facts as metadata and a sentence for people; what does not block is a warning."""
    severity = dg.AssetCheckSeverity.ERROR if name in _BLOCKING else dg.AssetCheckSeverity.WARN
    metadata = {key: value if isinstance(value, int | float) else str(value) for key, value in facts.items()}
    return dg.AssetCheckResult(
        passed=bool(passed),
        check_name=name,
        asset_key=asset,
        severity=severity,
        metadata=metadata,
        description=sentence or None,
    )

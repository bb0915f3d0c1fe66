"""Night lights cleaned: all years on the scale of one, without fires, background and negative noise.

Two passes over a raster of any size: numbers are estimated from a bounded sample of its pixels (`fit`), and applied
lazily (`clean`). The reference is the label year for every year, the label year included: a model sees in all years
what it was trained on. Standardising each year by its own mean and deviation would hide growth, and by another
year's deviation invent it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np

from fusion_assets.imagery.fires import FAINT, without_fires
from fusion_assets.reports.previews import data_uri, preview_png

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.study.lights import LightsUse

BAND = "avg_rad"
BRIGHTEST_BACKGROUND = 1.0
"""nW/cm2/sr. Airglow and sensor noise stay below; where the darker half has more, as in a city, there is no dark land
to know the background from, and none is taken away."""
FEWEST = 50
"""Pixels that an estimate must rest on; otherwise nothing is done."""


@dataclass(frozen=True)
class Standard:
    """What one year's lights differ from the reference year's by; radiances in nW/cm2/sr.

    Attributes:
        background: of dark land in the reference year: the commonest value of its darker half; 0 where all is lit.
        noise: standard deviation of dark land, from the values below `background`.
        offset: subtracted: what the median dark pixel has more than in the reference year.
        gain: divided by, above the background: what the typical lit pixel has brightened by; 1 unless `linear`.
        dark_pixels: sampled pixels that are dark in the reference year, which `offset` is the median of.
        invariant_pixels: sampled lit pixels that agree on `gain`.
    """

    background: float
    noise: float
    offset: float = 0.0
    gain: float = 1.0
    dark_pixels: int = 0
    invariant_pixels: int = 0


def fit(lights: Any, reference: Any | None, use: LightsUse, sample: int = 1_000_000) -> Standard:
    """Estimate how a year differs from the reference year, from every n-th pixel.

    Args:
        lights: (y, x) radiance of the year, numpy or dask, NaN for no data.
        reference: the same of the reference year on the same grid; None where the year is its own reference.
        use: which steps are wanted.
        sample: pixels that numbers are estimated from, at most.
    """
    step = int(np.ceil(np.sqrt(max(lights.size / sample, 1))))
    thin = [array[::step, ::step] for array in (lights, lights if reference is None else reference)]
    year, base = (np.asarray(array, np.float64).ravel() for array in dask.compute(*thin))
    # From the reference alone, so that it is the same for every year.
    background, noise = _background(base[np.isfinite(base)])
    both = np.isfinite(year) & np.isfinite(base)
    year, base = year[both], base[both]
    if reference is None or use.reference == "none":
        return Standard(background, noise)
    dark = base <= min(background + 3 * noise, BRIGHTEST_BACKGROUND)
    enough = dark.sum() >= FEWEST
    offset = float(np.median(year[dark] - base[dark])) if enough else 0.0
    gain, kept = _gain(year - offset - background, base - background) if use.reference == "linear" else (1.0, 0)
    return Standard(background, noise, offset, gain, int(dark.sum()) if enough else 0, kept)


def _background(values: np.ndarray) -> tuple[float, float]:
    """Commonest value of the darker half (half-sample mode, Bickel & Frühwirth 2006), and the spread below it."""
    if not values.size:
        return 0.0, 0.0
    densest = darker = np.sort(values[values <= np.median(values)])
    while len(densest) > 3:
        half = (len(densest) + 1) // 2
        start = int(np.argmin(densest[half - 1 :] - densest[: len(densest) - half + 1]))
        densest = densest[start : start + half]
    level = float(densest.mean())
    below = level - darker[darker <= level]
    return (level, 1.4826 * float(np.median(below))) if level <= BRIGHTEST_BACKGROUND else (0.0, 0.0)


def _gain(year: np.ndarray, base: np.ndarray) -> tuple[float, int]:
    """Typical ratio of lit pixels, those that changed otherwise than most left out, and how many agreed."""
    lit = (base > 2 * FAINT) & (year > 0)
    if lit.sum() < FEWEST:
        return 1.0, 0
    ratio = np.log(year[lit] / base[lit])
    kept = np.ones(ratio.shape, bool)
    for _ in range(20):
        middle = np.median(ratio[kept])
        spread = 1.4826 * np.median(np.abs(ratio[kept] - middle))
        kept = np.abs(ratio - middle) <= 2 * spread + 1e-9
    return float(np.exp(middle)), int(kept.sum())


def clean(
    lights: Any, reference: Any | None, standard: Standard, use: LightsUse, resolution: float
) -> dict[str, da.Array]:
    """The lights after each step that the study wants, in order, lazily; a step that has nothing to do is left out.

    Args:
        lights: (y, x) radiance of the year, nW/cm2/sr, numpy or dask, NaN for no data.
        reference: the same of the reference year; None where the year is its own reference.
        standard: from `fit` of the same two.
        use: which steps are wanted.
        resolution: pixel size in metres.

    Returns:
        By step, `composite` (what was given) first: float32, NaN where `lights` is.
    """
    level = np.float32(standard.background)
    steps = {"composite": _lazy(lights)}
    last = steps["composite"]
    if (standard.offset, standard.gain) != (0.0, 1.0):
        last = (last - np.float32(standard.offset) - level) / np.float32(standard.gain) + level
        steps["reference"] = last
    if use.outliers and reference is not None:
        last = without_fires(last, _lazy(reference), standard.background, resolution)
        steps["outliers"] = last
    if use.background != "none":
        last = last - np.float32(standard.background if use.background == "auto" else use.background)
        steps["background"] = last
    if use.negative == "zero":
        # `maximum` keeps NaN.
        last = da.maximum(last, np.float32(0))
        steps["negative"] = last
    return steps


def _lazy(array: Any) -> da.Array:
    return da.asarray(array).astype(np.float32)


def cleaned(
    lights: xr.Dataset, reference: xr.Dataset | None, use: LightsUse, resolution: float
) -> tuple[xr.Dataset, dict[str, Any], str]:
    """One year's composite with its lights cleaned, lazily; what each step did, as facts and as Markdown.

    Args:
        lights: composite with band `avg_rad` (nW/cm2/sr).
        reference: the same of the reference year, on the same grid; None where the year is its own reference.
        use: which steps are wanted.
        resolution: pixel size in metres.
    """
    raw, base = lights[BAND].data, None if reference is None else reference[BAND].data
    standard = fit(raw, base, use)
    steps = clean(raw, base, standard, use, resolution)
    report, last = effects(steps, standard), list(steps.values())[-1]
    text = f"{table(report)}\n\n{picture(raw, last)}"
    return lights.assign({BAND: (("y", "x"), last)}), report, text


def effects(steps: dict[str, da.Array], standard: Standard) -> dict[str, Any]:
    """What each step did, over all valid pixels, in one pass.

    Args:
        steps: from `clean`.
        standard: the numbers that were applied.

    Returns:
        `steps`: one row a step with `changed` (pixels), `share` of the valid ones, `mean_change` of valid pixels
        (nW/cm2/sr), `sum` of lights before and after (nW/cm2/sr, summed over pixels); and the fields of `standard`.
    """
    names, arrays = list(steps), list(steps.values())
    valid = da.isfinite(arrays[0]).sum()
    sums = [da.nansum(array, dtype=np.float64) for array in arrays]
    changed = [(da.isfinite(before) & (after != before)).sum() for before, after in pairwise(arrays)]
    valid, sums, changed = dask.compute(valid, sums, changed)
    count = max(int(valid), 1)
    rows = [
        {
            "step": name,
            "changed": int(changed[i]),
            "share": round(int(changed[i]) / count, 4),
            "mean_change": round((after - before) / count, 4),
            "sum_before": round(before, 2),
            "sum_after": round(after, 2),
        }
        for i, (name, (before, after)) in enumerate(zip(names[1:], pairwise(map(float, sums)), strict=True))
    ]
    return {"valid_pixels": int(valid), "steps": rows} | {key: round(v, 4) for key, v in asdict(standard).items()}


def table(report: dict[str, Any]) -> str:
    """The effects as Markdown."""
    head = "| step | pixels changed | share | mean change | sum before | sum after |\n|---|---|---|---|---|---|"
    rows = [
        f"| {row['step']} | {row['changed']:,} | {row['share']:.1%} | {row['mean_change']:+.3f} "
        f"| {row['sum_before']:,.0f} | {row['sum_after']:,.0f} |"
        for row in report["steps"]
    ] or ["| none | 0 | 0 % | 0 | | |"]
    numbers = (
        "Background of the reference year {background:.3f}, noise {noise:.3f}; offset {offset:+.3f} from "
        "{dark_pixels:,} dark pixels; gain {gain:.3f} from {invariant_pixels:,} lit ones. Radiance in nW/cm2/sr."
    )
    return "\n".join([head, *rows, "", numbers.format(**report)])


def picture(before: Any, after: Any, most: int = 256) -> str:
    """Composite and cleaned lights side by side in one colour scale (inverse hyperbolic sine), as Markdown."""
    step = max(1, -(-max(before.shape) // most))
    left, right = map(np.arcsinh, dask.compute(before[::step, ::step], after[::step, ::step]))
    gap = np.full((len(left), 4), np.nan)
    png = preview_png({BAND: np.concatenate([left, gap, right], axis=1)})
    return f"composite | cleaned\n\n![composite and cleaned lights]({data_uri(png)})"

"""The rules between the parts of a study, each a small function that yields problems."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import comes_back
from fusion_assets.grids.grid import rows_and_columns
from fusion_assets.study.features import SENSORS, is_embedded, sensors_of, without_embedding
from fusion_assets.study.mistakes import Problem, close_to
from fusion_assets.study.product_use import CloudScore, MaskClasses, MinCoverage, known_products

if TYPE_CHECKING:
    from fusion_assets.grids.grid import Grid
    from fusion_assets.study import Study
    from fusion_assets.study.product_use import ProductUse, Role
    from fusion_assets.study.regions import Region

Rule = Callable[["Study", dt.date], Iterator[Problem]]
MOST_PIXELS = 2**31
MOST_PARTITIONS = 50_000
"""Regions times years: what Dagster still lists in seconds."""
MOST_SUBPIXELS = 255
"""Sub-pixels per edge of a pixel: their count must fit the kernel's uint16."""


def problems_in(study: Study, today: dt.date, more: Iterable[Rule] = ()) -> list[Problem]:
    """Everything that does not fit together in a study whose parts are valid.

    Args:
        study: to look at.
        today: what is not in the future.
        more: rules of the systems' own sections.
    """
    return [problem for rule in (*RULES, *more) for problem in rule(study, today)]


def _regions(study: Study, _: dt.date) -> Iterator[Problem]:
    if not study.regions:
        yield Problem("regions", "is empty", "at least one region", "add `- {name: ..., bbox: [W, S, E, N]}`")
    partitions = len(study.regions) * len(study.years)
    if partitions > MOST_PARTITIONS:
        yield Problem(
            "regions",
            f"are {len(study.regions)}, with {len(study.years)} years {partitions} partitions",
            f"at most {MOST_PARTITIONS} regions times years",
            "make several studies of it",
        )
        return
    names: set[str] = set()
    for index, region in enumerate(study.regions):
        place = f"regions[{index}]" + (f" ({region.title})" if region.title else "")
        # Compared without case: on macOS and Windows the two would share one folder.
        name = region.name.casefold()
        if name in names:
            yield Problem(
                f"regions[{index}].name",
                f"is {region.name}, a name used twice",
                "names that differ",
                "rename one of them",
            )
        names.add(name)
        if not region.outline_is_local:
            continue  # an Earth Engine outline, not known before the engine is asked
        try:
            grid = study.grid(region.name)
        except FusionError as error:
            yield Problem(place, f"has no grid: {error.found}", error.expected, error.remedy)
            continue
        point = region.polygon.representative_point()
        if not comes_back(grid.crs, point.x, point.y):
            yield Problem(
                f"regions[{index}]",
                f"({region.name}) is so far from where {grid.crs} is made for that its places cannot be found again",
                "a crs of that part of the world",
                "leave crs out to have the UTM zone chosen, or correct crs or the outline",
            )
        yield from _size_problems(index, region, "resolution", grid, MOST_PIXELS)


def _size_problems(index: int, region: Region, key: str, grid: Grid, most: int) -> Iterator[Problem]:
    if grid.height * grid.width > most:
        yield Problem(
            f"regions[{index}]",
            f"({region.name}) at {key} {grid.resolution:g} is a grid of {rows_and_columns(*grid.shape)}",
            f"at most {most:,} pixels",
            f"raise {key} (metres), or split the region",
        )


def _resolution(study: Study, _: dt.date) -> Iterator[Problem]:
    if study.working_resolution is None:
        return
    ratio = study.resolution / study.working_resolution
    found = f"is {study.working_resolution:g} with resolution {study.resolution:g}"
    if ratio > MOST_SUBPIXELS:
        finest = study.resolution / MOST_SUBPIXELS
        yield Problem(
            "working_resolution",
            f"{found}: {ratio:.0f} sub-pixels per edge",
            f"at most {MOST_SUBPIXELS}, so {finest:.2f} m or coarser",
            f"write for example working_resolution: {study.resolution / 100:g}",
        )
    elif ratio < 1 or abs(ratio - round(ratio)) > 1e-9 * ratio:
        k = max(1, round(ratio))
        yield Problem(
            "working_resolution", found, "resolution divided by a whole number", f"write {study.resolution / k:.10g}"
        )


def _years(study: Study, today: dt.date) -> Iterator[Problem]:
    if study.products.labels is not None and study.label_year is None:
        yield Problem(
            "label_year",
            "is missing while products.labels is given",
            "the year of the labels",
            "add for example label_year: 2015",
        )
    windowed = {year for use in study.products.given().values() for year in use.windows}
    for key, years in (("label_year", {study.label_year} - {None}), ("prediction_years", set(study.prediction_years))):
        future = sorted(year for year in years if year is not None and year > today.year and year not in windowed)
        if future:
            yield Problem(
                key,
                f"holds {', '.join(map(str, future))}, which has not begun",
                f"years up to {today.year}",
                "use {from: year, to: latest}, which grows with time"
                if key == "prediction_years"
                else "use a past year",
            )


def _products(study: Study, _: dt.date) -> Iterator[Problem]:
    needed = sensors_of(study.features)
    given = study.products.given()
    for role in needed:
        if role not in given:
            other = [word for word, roles in SENSORS.items() if all(name in given for name in roles)]
            yield Problem(
                "features",
                f"is {study.features} but there is no products.{role}",
                f"a product for each of: {', '.join(needed)}",
                f"add products.{role}" + (f", or set features: {other[0]}" if other else ""),
            )
    for role, use in given.items():
        key = f"products.{role}"
        if use.recipe.role != role:
            yield Problem(
                f"{key}.product",
                f"is {use.product}, a {use.recipe.role} product",
                products_for(role),
                f"choose one of these, or move it to products.{use.recipe.role}",
            )
            continue
        yield from _bands(key, use)
        yield from _first_year(study, role, use)
        yield from asset_problems(key, use)
        yield from mask_problems(key, use)
        yield from _label(key, use)


def _first_year(study: Study, role: Role, use: ProductUse) -> Iterator[Problem]:
    """Years of the study before there was anything of a product."""
    first = use.recipe.first_year
    early = [year for year in study.years if role in study.feature_roles and study.window(role, year)[0].year < first]
    if early:
        yield Problem(
            f"products.{role}",
            f"is {use.product}, of which there is nothing of {', '.join(map(str, early))}",
            f"years from {first} on",
            f"leave these years out, or write `features: {without_embedding(study.features)}`",
        )


def _embedding(study: Study, _: dt.date) -> Iterator[Problem]:
    """What is amiss with an embedding among the features that the study makes itself."""
    if not is_embedded(study.features) or study.products.embedding is not None:
        return
    alone, vectors = without_embedding(study.features), study.vectors
    if vectors is None:
        makers = [name for name, section in study.sections.items() if section.vectors is not None]
        yield Problem(
            "features",
            f"is {study.features} but there is no products.embedding, and the study maps none itself",
            "an embedding of every region and year",
            "add `embedding: satellite_embedding` to products"
            + "".join(f", or a section `{name}` with `maps`" for name in makers)
            + f", or set features: {alone}",
        )
        return
    found = f"is {study.features}, and {vectors.asset} is of"
    lacking = [region.name for region in study.regions if region.name not in vectors.regions]
    if lacking:
        yield Problem(
            "features",
            f"{found} {', '.join(vectors.regions[:8])} alone, not of {', '.join(lacking[:8])}",
            "an embedding of every region",
            f"add them to the regions that are mapped, or set features: {alone}",
        )
    years = [str(year) for year in study.years if year not in vectors.years]
    if years:
        yield Problem(
            "features",
            f"{found} {', '.join(map(str, vectors.years))} alone, not of {', '.join(years)}",
            "an embedding of the label year and of every year that is predicted",
            f"add them to the years that are mapped, leave them out of the study, or set features: {alone}",
        )
    times = study.resolution / vectors.resolution
    if times < 1 or abs(times - round(times)) > 1e-9 * times:
        yield Problem(
            "features",
            f"{found} cells of {vectors.resolution:g} m, and a pixel of the study has {study.resolution:g} m",
            "cells that a pixel is a whole number of: their vectors are averaged",
            f"map the embedding in cells of {study.resolution:g} m or a whole part of that, change resolution, "
            f"or set features: {alone}",
        )


def products_for(role: str) -> str:
    """Products of a role, in words."""
    return "one of " + ", ".join(name for name, product in known_products().items() if product.role == role)


def _bands(key: str, use: ProductUse) -> Iterator[Problem]:
    names = use.recipe.band_names
    for index, band in enumerate(use.bands or ()):
        if band not in names:
            close = close_to(band, names) or next((name for name in names if name.replace("B0", "B") == band), "")
            remedy = f"did you mean {close}?" if close else "choose from the list"
            yield Problem(f"{key}.bands[{index}]", f"is {band}, not a band of {use.product}", ", ".join(names), remedy)
        elif use.bands and band in use.bands[:index]:
            yield Problem(f"{key}.bands[{index}]", f"is {band}, named twice", "each band once", "remove one of them")
    if use.recipe.unit_vectors and use.bands is not None and set(use.bands) != set(names):
        yield Problem(
            f"{key}.bands",
            f"are {len(use.bands)} of {len(names)} numbers of a vector",
            "all of them: a part has no unit length",
            "leave bands out",
        )
    if use.bands == ():
        yield Problem(f"{key}.bands", "is empty", "at least one band", "name bands, or leave bands out for the default")


def asset_problems(key: str, use: ProductUse) -> Iterator[Problem]:
    """What is wrong with a product's `assets`."""
    names = use.recipe.band_names
    places = list(use.assets.values())
    for index, (band, place) in enumerate(use.assets.items()):
        if place in places[:index]:
            yield Problem(
                f"{key}.assets.{band}",
                f"is {place}, as that of another band",
                "an asset, or a band of its file, for each",
                "correct one of them: `key#2` is the second band of a file",
            )
        if band not in (*names, "mask"):
            close = close_to(band, names)
            remedy = f"did you mean {close}?" if close else "choose from the list"
            yield Problem(
                f"{key}.assets.{band}", "is not a band of " + use.product, ", ".join((*names, "mask")), remedy
            )


def mask_problems(key: str, use: ProductUse) -> Iterator[Problem]:
    """What is wrong with a product's `mask`."""
    if isinstance(use.mask, CloudScore) and not use.recipe.earth_engine.startswith("COPERNICUS/S2"):
        found, remedy = f"is a cloud score, which {use.product} has none of", "; Cloud Score+ is for Sentinel-2"
    elif isinstance(use.mask, MinCoverage) and use.recipe.mask.kind != "positive":
        found, remedy = f"is a least coverage, which {use.product} does not count", "; min_coverage is for night lights"
    elif isinstance(use.mask, MaskClasses) and use.recipe.mask.kind != "classes":
        found, remedy = f"lists classes, but the mask of {use.product} has none", ", or write `mask: none`"
    else:
        return
    yield Problem(f"{key}.mask", found, "none, or no mask key", f"remove mask to use the product's own{remedy}")


def section_problems(
    study: Study, name: str, years: Iterable[int], resolution: float | None, most_pixels: int = MOST_PIXELS
) -> Iterator[Problem]:
    """What is wrong with the years and grids of a system's section.

    Args:
        study: that has the section.
        name: of the section.
        years: that the system makes.
        resolution: of its grids, metres; None: the study's own, whose mistakes are told once.
        most_pixels: of a region's grid.
    """
    unknown = [year for year in years if year not in study.years]
    if unknown:
        yield Problem(
            f"{name}.years",
            f"holds {', '.join(map(str, unknown))}, which the study does not cover",
            f"years among {', '.join(map(str, study.years))}",
            "add them to prediction_years, or remove them here",
        )
    for index, region in enumerate(study.regions):
        if not region.outline_is_local:
            continue
        try:
            grid = study.grid(region.name, resolution)
        except FusionError as error:
            if resolution is not None:
                yield Problem(f"{name}.resolution", f"makes no grid: {error.found}", error.expected, error.remedy)
            continue
        yield from _size_problems(index, region, f"{name}.resolution", grid, most_pixels)


def _label(key: str, use: ProductUse) -> Iterator[Problem]:
    recipe = use.recipe
    needs_codes = recipe.label == "code" and not recipe.built_codes
    if recipe.label == "fraction" and use.built_up_threshold is None:
        yield Problem(
            f"{key}.built_up_threshold",
            f"is missing: {use.product} is a share of built-up surface",
            "the share from which a pixel counts as built-up, above 0 to 1",
            "add for example `built_up_threshold: 0.1`",
        )
    if recipe.label != "fraction" and use.built_up_threshold is not None:
        yield Problem(
            f"{key}.built_up_threshold",
            f"is {use.built_up_threshold:g}, but {use.product} is not a share of built-up surface",
            "only with labels that are fractions, such as ghsl_built_surface",
            "remove it",
        )
    if needs_codes and not use.built_codes:
        yield Problem(
            f"{key}.built_codes",
            f"is missing: {use.product} is a map of classes",
            "the codes that mean built-up in this collection",
            "add for example `built_codes: [5]` (ESA WorldCover: 50, Esri land cover: 7)",
        )
    if not needs_codes and use.built_codes is not None:
        yield Problem(
            f"{key}.built_codes", f"is given, but {use.product} fixes its own", "only with land_cover", "remove it"
        )


def _reference(study: Study, _: dt.date) -> Iterator[Problem]:
    if study.reference_sample is not None and study.products.labels is None:
        yield Problem(
            "reference_sample",
            "is given without products.labels",
            "a study that maps built-up land, whose area the sample corrects",
            "add products.labels and label_year, or remove it",
        )


def _windows(study: Study, _: dt.date) -> Iterator[Problem]:
    for role, use in study.products.given().items():
        years = study.years if role != "labels" else tuple(year for year in study.years if year == study.label_year)
        for year in use.windows:
            if year not in years:
                yield Problem(
                    f"products.{role}.windows.{year}",
                    "is a window for a year that is not mapped",
                    f"one of {', '.join(map(str, years))}" + (" (the label year)" if role == "labels" else ""),
                    "remove it, or add the year to prediction_years"
                    if role != "labels"
                    else "set it for the label year",
                )


def _rivals(study: Study, _: dt.date) -> Iterator[Problem]:
    if study.rivals and study.products.labels is None:
        yield Problem("rivals", "are given without products.labels", "a map of ours to compare with", "remove them")
    known = [
        name for name, product in known_products().items() if product.role == "rival" or product.label == "fraction"
    ]
    met: set[str] = set()
    for index, use in enumerate(study.rivals):
        key = f"rivals[{index}]"
        if use.product not in known:
            yield Problem(f"{key}.product", f"is {use.product}", f"one of {', '.join(known)}", "choose one of these")
        if use.product in met:
            yield Problem(f"{key}.product", f"is {use.product} a second time", "each map once", "remove it")
        if use.built_codes is not None:
            yield Problem(f"{key}.built_codes", f"is given, but {use.product} fixes its own", "none", "remove it")
        met.add(use.product)


def _lights(study: Study, _: dt.date) -> Iterator[Problem]:
    given = study.lights.model_fields_set
    if study.label_year is None and "reference" in given and study.lights.reference != "none":
        yield Problem(
            "lights.reference",
            f"is {study.lights.reference}, but there is no label year to refer to",
            "a label_year, or reference: none",
            "add for example label_year: 2015, or remove lights.reference",
        )


RULES = (_regions, _resolution, _years, _products, _embedding, _reference, _windows, _rivals, _lights)

"""What a study asks of an engine for its NDVI, and what stored artifacts must say to belong to it."""

from __future__ import annotations

import dataclasses
import datetime as dt

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import ExportRequest, digest
from fusion_assets.imagery.products import TRUE_COLOUR
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.settings import Settings
from fusion_assets.storage.simulation import MARK, is_marked
from fusion_assets.study import ProductUse, Study
from fusion_assets.study.imagery_requests import mask_of, use_request
from fusion_assets.systems.ndvi.section import NdviUse, grid_of, section_of

CLEAR, BACKSCATTER, MODEL, FILLED = "ndvi_clear", "backscatter", "ndvi_model", "ndvi_filled"
EVALUATION, REPORT = "ndvi_evaluation", "ndvi_report"
ASSETS = (CLEAR, BACKSCATTER, MODEL, FILLED, EVALUATION, REPORT)
OPTICS = ("B04", "B08")
CLEAR_CLASSES = {"sentinel2_l2a": (4, 5, 6), "sentinel2_nbart": (1, 5)}
"""By product, in its own codes: land (vegetation, bare soil) and water. Not cloud, and not shadow, dark areas,
unclassified or snow."""
VERSION = "2"
"""Raise when the same settings would give other values."""
ESTIMATORS_VERSION, EVALUATION_VERSION, REPORT_VERSION = "3", "3", "6"
"""Raise when an estimator would learn or fill otherwise, errors be measured or a page be written otherwise: what rests
on it is stale."""


def use_of(study: Study) -> NdviUse:
    """The section `ndvi` of a study that has one."""
    section = section_of(study)
    assert section is not None
    return section


def optics_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """The Sentinel-2 passes of a year and its margins, masked to what is clear."""
    use = use_of(study).sentinel2
    mask = mask_of(use)
    if use.mask is None:
        mask = dataclasses.replace(mask, values=CLEAR_CLASSES.get(use.product, mask.values))
    return _request(study, settings, CLEAR, use, region, year, OPTICS, mask)


def picture_request(study: Study, settings: Settings, region: str, year: int, day: dt.date) -> ExportRequest:
    """Sentinel-2 of one day in true colour, clouds and all."""
    request = _request(study, settings, REPORT, use_of(study).sentinel2, region, year, TRUE_COLOUR, Mask("none"))
    return dataclasses.replace(request, window=(day, day))


def radar_request(study: Study, settings: Settings, region: str, year: int) -> ExportRequest:
    """The Sentinel-1 passes of a year and its margins."""
    use = use_of(study).sentinel1
    assert use is not None
    return _request(study, settings, BACKSCATTER, use, region, year, use.band_names, Mask("none"))


def _request(
    study: Study,
    settings: Settings,
    asset: str,
    use: ProductUse,
    region: str,
    year: int,
    bands: tuple[str, ...],
    mask: Mask,
) -> ExportRequest:
    other = study.products.sentinel2
    if use.archive is None and other is not None and other.product == use.product:
        use = use.model_copy(update={"archive": other.archive})
    margin = dt.timedelta(days=use_of(study).margin_days)
    window = (dt.date(year, 1, 1) - margin, dt.date(year, 12, 31) + margin)
    recipe = CompositeRecipe(bands, mask, reducer="none")
    return use_request(study, settings, asset, use, region, year, grid_of(study, region), window, recipe)


def recipes(study: Study, settings: Settings, asset: str, region: str, year: int) -> str:
    """12 hexadecimal digits of all settings that shape an asset's values."""
    use = use_of(study)
    optics = optics_request(study, settings, region, year).recipe_digest
    radar = [] if use.sentinel1 is None else [radar_request(study, settings, region, year).recipe_digest]
    parts: dict[str, list[object]] = {
        CLEAR: [optics],
        BACKSCATTER: [*radar, use.speckle.model_dump()],
    }
    parts[MODEL] = [*parts[CLEAR], *parts[BACKSCATTER], use.method, use.sample]
    parts[EVALUATION] = parts[MODEL]
    parts[FILLED] = parts[REPORT] = [*parts[MODEL], use.every_days]
    return digest([VERSION, *parts[asset]])


def facts_of(study: Study, settings: Settings, asset: str, region: str, year: int) -> dict[str, str]:
    """What a stored artifact must say to belong to this study: its name, grid and recipe; and the mark of simulation.

    Services that do not name their archive leave no tickets of series: there the stored series tells.
    """
    grid, recipe = grid_of(study, region).digest, recipes(study, settings, asset, region, year)
    facts = {"study": study.name, "grid_digest": grid, "recipe_digest": recipe}
    return facts | (MARK if asset in (MODEL, EVALUATION) and _rests_on_simulation(settings, region, year) else {})


def _rests_on_simulation(settings: Settings, region: str, year: int) -> bool:
    """Whether the clear series that is stored says that it is simulated."""
    from fusion_assets.storage.documents import read_document
    from fusion_assets.storage.root import Storage

    storage = Storage(settings.storage)
    path = storage.path(CLEAR, region, year, "json")
    try:
        return storage.exists(path) and is_marked(read_document(storage, path, "")[1])
    except FusionError:  # whoever loads the series says what is wrong with it
        return False

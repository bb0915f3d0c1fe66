"""The scenes of a STAC archive as Earth Engine images: ids, properties, footprints, bands.

Which collection maps to which is in `datasets.py`; how pixels are read is in `sampling.py`.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
import shapely

from fusion_assets.loopbacks.earth_engine.datasets import (
    CLEAR_CLASSES,
    CLEAR_SCORE,
    CLOUD_BITS,
    CLOUD_SCORE_PLUS,
    CLOUDY_SCORE,
    DATASETS,
    Dataset,
    DatasetBand,
)
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.ingesting import IngestedAssets
from fusion_assets.loopbacks.earth_engine.lattice import Projection, crs_name
from fusion_assets.loopbacks.earth_engine.pixel_types import DOUBLE, type_of
from fusion_assets.loopbacks.earth_engine.sampling import Source
from fusion_assets.loopbacks.earth_engine.scene_properties import belongs, properties_of, start_and_end
from fusion_assets.loopbacks.earth_engine.tables import tables
from fusion_assets.loopbacks.earth_engine.values import Band, Collection, Geometry, Image, Pixels


class Catalog:
    """Images and tables by Earth Engine id, from one archive and from what was imported.

    Args:
        archive: path of a STAC catalog.
        extra_tables: feature collections by id, GeoJSON, beside the built-in ones.
        ingested: images that were imported.
    """

    def __init__(
        self,
        archive: str | Path,
        extra_tables: dict[str, dict] | None = None,
        ingested: IngestedAssets | None = None,
    ) -> None:
        self._archive = str(archive)
        self.ingested = ingested or IngestedAssets()
        self._lock = threading.RLock()
        self._collections: dict[str, Collection] = {}
        self.tables = tables(extra_tables or {})

    @property
    def ids(self) -> list[str]:
        """Ids of all image collections."""
        return [*DATASETS, CLOUD_SCORE_PLUS]

    @property
    def served(self) -> list[str]:
        """Ids of the image collections that the archive holds scenes of."""
        stored = {child.id for child in self._root.get_children()}
        return [name for name, dataset in DATASETS.items() if stored & set(dataset.stac)]

    def image_collection(self, name: str) -> Collection:
        """All images of a collection, by start time and index.

        Raises:
            ServiceError: there is no such collection.
        """
        name = asset_id(name)
        if name not in self.ids:
            raise not_found("ImageCollection.load: ImageCollection asset", name)
        with self._lock:
            if name not in self._collections:
                images = self._cloud_scores() if name == CLOUD_SCORE_PLUS else self._images(name, DATASETS[name])
                images.sort(key=lambda image: (image.properties["system:time_start"], image.properties["system:index"]))
                self._collections[name] = Collection(tuple(images), "ImageCollection", {}, name)
            return self._collections[name]

    def image(self, name: str) -> Image:
        """One image by its full id; images of epoch collections also by year.

        Raises:
            ServiceError: there is no such image.
        """
        name = asset_id(name)
        imported = self.ingested.image(name)
        if imported is not None:
            return imported
        parent, _, index = name.rpartition("/")
        if parent in self.ids:
            for image in self.image_collection(parent).elements:
                year = dt.datetime.fromtimestamp(image.properties["system:time_start"] / 1000, dt.UTC).year
                same_year = parent in DATASETS and DATASETS[parent].epoch and index == str(year)
                if image.properties["system:index"] == index or same_year:
                    return image
        raise not_found("Image.load: Image asset", name)

    def table(self, name: str) -> Collection:
        """A feature collection by id.

        Raises:
            ServiceError: there is no such table.
        """
        name = asset_id(name)
        if name not in self.tables:
            raise not_found("Collection.loadTable: Collection asset", name)
        return self.tables[name]

    @functools.cached_property
    def _root(self) -> pystac.Catalog:
        return pystac.Catalog.from_file(self._archive)

    @functools.cached_property
    def _items(self) -> dict[str, list[pystac.Item]]:
        return {child.id: list(child.get_items(recursive=True)) for child in self._root.get_children()}

    def _images(self, name: str, dataset: Dataset) -> list[Image]:
        items = [item for stac in dataset.stac for item in self._items.get(stac, []) if belongs(item, dataset)]
        properties = properties_of(items, dataset)
        return [_image(name, dataset, item, facts) for item, facts in zip(items, properties, strict=True)]

    def _cloud_scores(self) -> list[Image]:
        scores: dict[str, Image] = {}
        for name in ("COPERNICUS/S2_SR_HARMONIZED", "COPERNICUS/S2_HARMONIZED"):
            for image in self.image_collection(name).elements:
                score = _cloud_score(image)
                if score is not None:
                    scores.setdefault(image.properties["system:index"], score)
        return list(scores.values())


def asset_id(name: str) -> str:
    """An id as people write it, from an id or a resource name."""
    return name.removeprefix("projects/earthengine-public/assets/").strip("/")


def not_found(what: str, name: str) -> ServiceError:
    """The error for an asset that is not there; code 404 is for the assets endpoints alone."""
    return ServiceError(f"{what} '{name}' not found (does not exist or caller does not have access).")


def _image(name: str, dataset: Dataset, item: pystac.Item, facts: dict[str, Any]) -> Image:
    footprint = Geometry(shapely.geometry.shape(item.geometry))
    made = (_band(dataset, band, item) for band in dataset.bands)
    bands = tuple(band for band in made if band is not None)
    return Image(facts, footprint, f"{name}/{facts['system:index']}", bands)


def _band(dataset: Dataset, band: DatasetBand, item: pystac.Item) -> Band | None:
    found = next((key for key in band.assets if key in item.assets), None)
    key = found or next((key for key in band.empty_like if key in item.assets), None)
    if key is None:
        return None
    asset = item.assets[key]
    href = asset.get_absolute_href() or asset.href
    declared = (asset.extra_fields.get("raster:bands") or asset.extra_fields.get("bands") or [{}])[0]
    projection, size, dtype = _lattice(href, item, asset, declared)
    subtract = _harmonisation(item, declared) if dataset.harmonised and band.nodata == 0 and not band.classes else 0
    nodata = math.nan if band.unmasked else _number(declared.get("nodata"))
    policy = "mode" if band.classes else "mean"
    gap = dataset.gaps.get(band.name)
    blank = gap is not None and gap[0] <= start_and_end(item)[0].date() <= gap[1]
    blanked = np.zeros_like if blank else None
    source = Source(href, projection, size, type_of(dtype), nodata, band.nodata, subtract, policy, blanked)
    pixels = source.pixels if found else _empty(source)
    return Band(band.name, source.type, projection, pixels, size)


def _empty(source: Source) -> Callable[[Any], Pixels]:
    """A band that is there, and masked everywhere."""

    def pixels(grid: Any) -> Pixels:
        other = source.pixels(grid)
        return other._replace(values=np.zeros_like(other.values), mask=np.zeros_like(other.mask))

    return pixels


def _lattice(
    href: str, item: pystac.Item, asset: pystac.Asset, declared: dict
) -> tuple[Projection, tuple[int, int], str]:
    fields = {**item.properties, **asset.extra_fields}
    code = fields.get("proj:code") or (f"EPSG:{fields['proj:epsg']}" if fields.get("proj:epsg") else None)
    terms, shape, dtype = fields.get("proj:transform"), fields.get("proj:shape"), declared.get("data_type")
    if code and terms and shape and dtype:
        return Projection(crs_name(code), tuple(map(float, terms[:6]))), (shape[1], shape[0]), dtype
    with rasterio.open(href, driver="GTiff") as file:
        lattice = Projection(crs_name(file.crs.to_wkt()), tuple(file.transform[:6]))
        return lattice, (file.width, file.height), file.dtypes[0]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _harmonisation(item: pystac.Item, declared: dict) -> int:
    """What later processing baselines added to every number, in steps of the scale."""
    if item.properties.get("earthsearch:boa_offset_applied") is True:
        return 0
    baseline = str(item.properties.get("s2:processing_baseline", ""))
    if item.properties.get("earthsearch:boa_offset_applied") is False and baseline:
        return 1000 if float(baseline) >= 4 else 0
    if "offset" in declared:
        return round(-float(declared["offset"]) / float(declared.get("scale", 1e-4)))
    return 1000 if baseline and float(baseline) >= 4 else 0


def _cloud_score(image: Image) -> Image | None:
    """A Cloud Score+ image from the scene's own mask; None where it has none."""
    masks = {band.name: band for band in image.bands if band.name in ("SCL", "QA60")}
    if not masks:
        return None
    name, mask = next(iter(masks.items()))

    def pixels(grid: Any) -> Any:
        classes = mask.pixels(grid)
        clear = np.isin(classes.values, CLEAR_CLASSES) if name == "SCL" else (classes.values & CLOUD_BITS) == 0
        return classes._replace(values=np.where(clear, CLEAR_SCORE, CLOUDY_SCORE))

    bands = tuple(Band(score, DOUBLE, mask.projection, pixels, mask.size) for score in ("cs", "cs_cdf"))
    facts = {key: image.properties[key] for key in ("system:index", "system:time_start", "system:time_end")}
    return Image(facts, image.geometry, f"{CLOUD_SCORE_PLUS}/{facts['system:index']}", bands)

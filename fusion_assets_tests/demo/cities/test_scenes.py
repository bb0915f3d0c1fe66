"""Scenes of two cities: the landscape of their patches, read by the archive's engine, and the truth of the zones."""

import datetime as dt
import json

import h5py
import numpy as np
import pytest
from shapely.geometry import mapping, shape

from fusion_assets.demo.cities.scenes import YEAR, places_of
from fusion_assets.demo.truth import true_zones
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import full_recipe
from fusion_assets.study.product_use import ProductUse
from fusion_assets_tests.imagery.archives import small_request
from fusion_assets_tests.stac_documents import check_stac

WEST, EAST = places_of(3, 4, 0.8)
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


@pytest.fixture(scope="module")
def collected(exam, tmp_path_factory):
    """A composite of a product on the western city's pixels."""
    engine = ArchiveEngine(Storage(tmp_path_factory.mktemp("storage")))
    area = shape(WEST.outline()["geometry"])

    def collect(product, collection, **use):
        request = small_request(
            str(exam / "catalog.json"), asset="composite", product=product, year=YEAR, geometry=mapping(area),
            grid=Grid.from_geometry(area, WEST.city.crs, 10), window=(dt.date(YEAR, 5, 1), dt.date(YEAR, 10, 1)),
            recipe=full_recipe(ProductUse(product=product, **use), 10, working_resolution=10),
            collections=(collection,),
        )  # fmt: skip
        export = engine.submit(request)
        assert export.flags == () and engine.doubts(export.request) == ()
        return engine.collect(export).compute()

    return collect


def patches_of(exam, place):
    """Labels, rows, columns and optical values of the patches of a city."""
    found = []
    for part in ("validation", "testing"):
        with h5py.File(exam / f"{part}.h5") as file, h5py.File(exam / f"{part}_geo.h5") as geo:
            here = np.flatnonzero(geo["city"][:] == place.city.name.encode())
            row = (place.city.north - geo["coord"][:, 1]) / 10
            col = (geo["coord"][:, 0] - place.city.west) / 10
            labels = file["label"][:].argmax(axis=1)
            found += [(labels[i], int(row[i]), int(col[i]), file["sen2"][i], file["sen1"][i]) for i in here[::9]]
    return found


def test_the_composite_shows_the_landscape_of_the_patches(exam, collected):
    optics = collected("sentinel2_l1c", "sentinel-2-l1c", bands=list(BANDS))
    assert optics["B02"].shape == (360, 360) and optics["observation_count"].max() <= 6
    radar = collected("sentinel1_grd", "sentinel-1-grd")
    patches = patches_of(exam, WEST)
    windows = [(slice(row - 16, row + 16), slice(col - 16, col + 16)) for _, row, col, *_ in patches]
    for number, band in enumerate(BANDS):
        seen = [np.nanmean(optics[band].to_numpy()[window]) for window in windows]
        held = [patch[3][..., number].mean() for patch in patches]
        assert np.corrcoef(seen, held)[0, 1] > 0.9  # thin cloud that the mask misses is in few of them
        assert np.median(np.abs(np.subtract(seen, held))) < 0.02
    for band, channel in (("VH", 4), ("VV", 5)):
        seen = np.array([np.nanmean(10 ** (radar[band].to_numpy()[window] / 10)) for window in windows])
        held = np.array([patch[4][..., channel].mean() for patch in patches])
        assert np.median(np.abs(10 * np.log10(seen / held))) < 1


@pytest.mark.parametrize("place", [WEST, EAST])
def test_the_truth_is_what_the_patches_are_labelled(exam, place):
    area = shape(place.outline()["geometry"])
    grid = Grid.from_geometry(area, place.city.crs, 100)
    assert (grid.height, grid.width) == (36, 36) and grid.transform.c == place.city.west
    truth = true_zones(str(exam / "catalog.json"), YEAR, grid, area)
    assert truth.min() >= 1 and truth.max() <= 17
    right = [truth[row // 10, col // 10] == label + 1 for label, row, col, *_ in patches_of(exam, place)]
    assert np.mean(right) > 0.97 and len(right) > 20


def test_the_catalog_is_stac_and_says_that_it_is_synthetic(exam):
    items = [json.loads(path.read_text()) for path in exam.glob("*/*/*.json")]
    assert len(items) == 2 * (6 + 6 + 1)
    for item in items:
        check_stac(item)
        assert item["properties"]["synthetic"] and item["id"].startswith("SYNTHETIC_")
    for path in exam.glob("**/c*.json"):
        check_stac(json.loads(path.read_text()))
    levels = [item for item in items if item["collection"] == "sentinel-2-l1c"]
    assert all({"red", "swir22", "qa60"} <= set(item["assets"]) for item in levels)
    record = json.loads((exam / "demo.json").read_text())
    assert [region["name"] for region in record["regions"]] == ["zones_west", "zones_east"]

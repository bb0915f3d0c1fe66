"""The folder of files for other software: what is in it, and when there is no file for W2W."""

import zipfile

import numpy as np
import pytest
import rasterio
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import unproject
from fusion_assets.systems.climate_zones.exports.folder import Sheet, write_exports
from fusion_assets_tests.systems.climate_zones.exports.maps import CODES, DOMAIN, GRID, small_map

REGION = (-1.055, 41.868, -0.985, 41.892)
ALWAYS = {"wudapt.tif", "map.kmz", "wudapt.qml", "canopy.csv"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def gap(codes):
    """The same without its middle."""
    return np.where((abs(np.arange(60) - 30) < 12)[:, None], 255, codes).astype("uint8")


def test_a_map_without_gaps_is_there_for_w2w(tmp_path):
    assert unproject(shapely.box(*GRID.bounds), GRID.crs).covers(shapely.box(*REGION))
    assert write_exports(tmp_path, small_map(), Sheet("Zones", REGION, None, False)) == {}
    assert names(tmp_path) == ALWAYS | {"w2w.tif"}
    with rasterio.open(tmp_path / "w2w.tif") as file:
        assert file.crs.to_epsg() == 4326 and set(np.unique(file.read(1))) <= set(range(18))
        assert file.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "Zones" and "synthetic" not in file.tags()


def test_a_map_with_gaps_is_not_and_it_is_said_why(tmp_path):
    said = write_exports(tmp_path, small_map(gap(CODES)), Sheet("Zones", REGION, None, False))
    assert names(tmp_path) == ALWAYS and "have no zone" in said["without_w2w"]


def test_a_domain_that_is_asked_for_is_given_or_refused(tmp_path):
    write_exports(tmp_path, small_map(), Sheet("Zones", REGION, DOMAIN, False))
    assert (tmp_path / "w2w.tif").is_file()
    with pytest.raises(FusionError, match="have no zone"):
        write_exports(tmp_path, small_map(gap(CODES)), Sheet("Zones", REGION, DOMAIN, False))


def test_files_of_a_simulated_map_say_so(tmp_path):
    write_exports(tmp_path, small_map(), Sheet("Zones", REGION, None, True))
    for name in ("wudapt.tif", "w2w.tif"):
        with rasterio.open(tmp_path / name) as file:
            assert file.tags()["synthetic"] == "yes" and "SYNTHETIC" in file.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    with zipfile.ZipFile(tmp_path / "map.kmz") as archive:
        assert "SYNTHETIC" in archive.read("doc.kml").decode()

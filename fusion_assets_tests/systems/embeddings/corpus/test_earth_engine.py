"""Patches from Earth Engine: the numbers that the archive has, and refusal of whatever lies on another grid."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.earth_engine import Connection
from fusion_assets.loopbacks.earth_engine import EarthEngineService
from fusion_assets.systems.embeddings.corpus.earth_engine import EarthEngineReader
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.reading import ArchiveReader, UnfitPatch
from fusion_assets_tests.imagery.archives import write_catalog
from fusion_assets_tests.systems.embeddings.corpus.small_archive import (
    NORTH,
    SIZE,
    WEST,
    optics_item,
    plan_row,
    radar_item,
    values_of,
    write_file,
)

LAYOUT = Layout(SIZE, radar="sentinel1_grd")


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Readers over the same two scenes: of the archive, and of the service that holds them."""
    root = tmp_path_factory.mktemp("archive")
    decibels = {
        name: write_file(root, name, np.round(10 * np.log10(values_of(name)), 2).astype(np.float32))
        for name in ("vv", "vh")
    }
    off = {name: write_file(root / "off", name, west=WEST + 4, north=NORTH + 3) for name in ("vv", "vh")}
    items = {
        "optics": optics_item(root, properties={"platform": "sentinel-2a", "s2:mgrs_tile": "31UES"}),
        "radar": radar_item(root, **decibels),
        "off": radar_item(root, "off", **off),
    }
    read = ArchiveReader(dict(items).__getitem__, LAYOUT)
    catalog = write_catalog(
        root / "catalog",
        {"sentinel-2-l2a": [items["optics"].clone()], "sentinel-1-grd": [items["radar"].clone(), items["off"].clone()]},
    )
    with EarthEngineService(catalog) as service:
        yield read, EarthEngineReader(Connection("demo", service.url), LAYOUT)


@pytest.mark.slow
@pytest.mark.parametrize("patch", [0, 13, 35])
def test_both_engines_read_the_same_numbers(engines, patch):
    archive, earth = engines
    expected, found = archive(plan_row(patch)), earth(plan_row(patch))
    for part in LAYOUT.parts:
        assert found.arrays[part.name].dtype == part.dtype
        np.testing.assert_array_equal(found.arrays[part.name], expected.arrays[part.name], err_msg=part.name)
    assert found.offset == expected.offset == 0


@pytest.mark.slow
def test_other_grids_are_refused_by_name(engines):
    _, earth = engines
    with pytest.raises(UnfitPatch, match=r"optics \(B02\) lies in EPSG:32631"):
        earth(plan_row(0, epsg=32632))
    with pytest.raises(UnfitPatch, match=r"off \(VV\) has pixel corners at"):
        earth(plan_row(0, radar="off"))


@pytest.mark.slow
def test_beyond_a_scene_nothing_is_observed(engines):
    found = engines[1](plan_row(0, x=float(WEST - 120)))
    assert (found.arrays["b10"][:, :, :12] == 0).all() and (found.arrays["b10"][:, :, 12:] > 0).all()


def test_what_earth_engine_does_not_have_is_refused():
    with pytest.raises(FusionError, match="Earth Engine has no sentinel1_rtc"):
        EarthEngineReader(Connection("demo", "http://localhost:1"), Layout(SIZE))

"""What a study says of a finer sensor's raster, and what of its file is refused."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.systems.night_radiance import section
from fusion_assets.systems.night_radiance.reference_files import Reference, plane_of
from fusion_assets_tests.systems.night_radiance.finer_sensors import write
from fusion_assets_tests.systems.night_radiance.nights import PLACES, YEAR, content, study
from fusion_assets_tests.whole_studies import study_of

WEST, NORTH = 86.49, 27.06


def finer(path, values=None, crs="EPSG:4326", transform=None, **more):
    """A raster over the first two places of the study, on pixels of a thousandth of a degree."""
    values = np.random.default_rng(0).random((70, 110)) if values is None else values
    return write(path, values, crs, transform or Affine(1e-3, 0, WEST, 0, -1e-3, NORTH), **more)


def with_reference(path, **keys):
    return study(references=[{"path": str(path), "unit": "DN", "date": f"{YEAR}-05-01", **keys}])


def test_a_reference_is_of_the_regions_that_it_covers_or_of_the_one_that_is_named(tmp_path):
    path = finer(tmp_path / "finer.tif")
    made = with_reference(path)
    (reference,) = section.references_of(made, YEAR)
    assert section.regions_of(made, reference) == list(PLACES[:2])
    named = with_reference(path, region="middle")
    assert section.regions_of(named, section.use_of(named).references[0]) == ["middle"]


def test_it_is_compared_with_the_nearest_year_alone(tmp_path):
    path = finer(tmp_path / "finer.tif")
    keys = {"path": path, "unit": "DN"}
    whole = content(references=[keys | {"date": day} for day in ("2015-02-03", "2021-12-31", "2020-06-01")])
    made = study_of(whole | {"prediction_years": [2019, 2021]})
    found = {year: [each.date.year for each in section.references_of(made, year)] for year in (2019, 2021)}
    assert found == {2019: [2015, 2020], 2021: [2021]}


def test_nothing_that_maps_are_made_of_depends_on_it_nor_on_where_its_file_lies(tmp_path):
    (tmp_path / "other").mkdir()
    first, second = finer(tmp_path / "finer.tif"), finer(tmp_path / "other" / "finer.tif")
    plain, one, two = study(), with_reference(first), with_reference(second)
    assert len({each.digest("night_radiance") for each in (plain, one, two)}) == 1
    assert section.references_digest(one) == section.references_digest(two) != section.references_digest(plain)
    assert section.references_digest(with_reference(first, unit="W/m2/sr")) != section.references_digest(one)


@pytest.mark.parametrize(("unit", "factor"), [("nW/cm2/sr", 1), ("W/m2/sr", 1e5), ("DN", 1), ("counts per s", 1)])
def test_units_that_are_known_are_converted(tmp_path, unit, factor):
    path = finer(tmp_path / "finer.tif", 1 + np.indices((70, 110)).sum(axis=0) % 2)
    reference = Reference(path=path, unit=unit, date="2022-01-01")
    plane = plane_of(reference, section.grid_of(study(), "west"), 500)
    assert np.unique(plane.values) == pytest.approx([factor, 2 * factor])


def test_one_band_of_several_is_read_and_what_has_no_data_is_unknown(tmp_path):
    bands = np.stack([np.zeros((70, 110)), np.full((70, 110), 5.0)])
    bands[1, 20:30], bands[1, 30:] = -1, 6
    path = finer(tmp_path / "finer.tif", bands, nodata=-1)
    plane = plane_of(Reference(path=path, unit="DN", date="2022-01-01", band=2), section.grid_of(study(), "west"), 500)
    assert set(np.unique(plane.values[np.isfinite(plane.values)])) == {5.0, 6.0} and np.isnan(plane.values).any()


@pytest.mark.parametrize(("number", "found"), [(np.nan, "all is no data"), (7.0, "all is 7")])
def test_a_raster_without_any_lights_is_refused(tmp_path, number, found):
    path = finer(tmp_path / "finer.tif", np.full((70, 110), number))
    with pytest.raises(FusionError, match=found):
        plane_of(Reference(path=path, unit="DN", date="2022-01-01"), section.grid_of(study(), "west"), 500)


UTM = Affine(100, 0, 651_000, 0, -100, 2_994_000)
FILES = {
    "no CRS": ({"crs": None}, "has no CRS"),
    "degrees that are metres": ({"transform": UTM}, "which are no degrees"),
    "another zone": ({"crs": "EPSG:32631", "transform": UTM}, "covers nothing of west, middle, east, kept"),
    "elsewhere": ({"transform": Affine(1e-3, 0, 36.8, 0, -1e-3, -1.2)}, "covers nothing of"),
    "too coarse": ({"transform": Affine(5e-3, 0, 86.4, 0, -5e-3, 27.2)}, "has pixels of 5"),
    "turned": ({"transform": Affine(1e-3, 1e-4, WEST, 1e-4, -1e-3, NORTH)}, "is not a north-up grid"),
    "several bands": ({"values": np.ones((2, 70, 110))}, "has 2 bands, and the study names none of them"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_compared_with_are_refused_with_the_study(tmp_path, name):
    changes, found = FILES[name]
    path = finer(tmp_path / "finer.tif", **changes)
    with pytest.raises(FusionError, match=found) as error:
        with_reference(path)
    assert "night_radiance.references[0].path cannot be used" in str(error.value)


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.tif").write_text("no raster")
    for path, found in ((tmp_path / "absent.tif", "does not exist"), (tmp_path / "text.tif", "cannot be read")):
        with pytest.raises(FusionError, match=found):
            with_reference(path)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"date": "soon"}, "date is"),
        ({"date": 2018}, "date is 2018"),
        ({"unit": ""}, "unit is"),
        ({"unit": "LuoJia1-01 DN"}, "write luojia_dn"),
        ({"region": "north"}, "region is north"),
        ({"band": 0}, "band"),
        ({"band": 2}, "has 1 band"),
        ({"path": 3}, "path is 3"),
    ],
)
def test_mistakes_of_a_study(tmp_path, keys, found):
    path = finer(tmp_path / "finer.tif")
    with pytest.raises(FusionError) as error:
        study(references=[{"path": path, "unit": "DN", "date": f"{YEAR}-05-01", **keys}])
    assert found in str(error.value)


def test_paths_are_relative_to_the_study(tmp_path):
    finer(tmp_path / "finer.tif")
    whole = content(references=[{"path": "finer.tif", "unit": "DN", "date": "2022-05-01"}])
    from fusion_assets.orchestration.system import sections_of
    from fusion_assets.study import study_of as parsed
    from fusion_assets.systems.registry import SYSTEMS

    made = parsed(whole, folder=tmp_path, sections=sections_of(SYSTEMS))
    assert section.use_of(made).references[0].path == str(tmp_path / "finer.tif")

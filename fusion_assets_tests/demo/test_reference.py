"""The demo archive's reference sample: its truth at places drawn from its own labels, as a study reads it."""

import pandas as pd
import pytest
import rasterio

from fusion_assets.demo import build_demo_archive
from fusion_assets.study import study_of
from fusion_assets.systems.built_up.areas.reference import read_reference, reference_path
from fusion_assets.systems.built_up.areas.reference_checks import checked_reference
from fusion_assets_tests.demo_study import demo_regions


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build_demo_archive(tmp_path_factory.mktemp("demo") / "archive", size_km=20, seed=5, years=[2015, 2016, 2017])


def test_labels_are_the_truth_and_places_are_a_panel(archive):
    table = pd.read_csv(archive.parent / "reference_sample.csv")
    assert (table.groupby("year").size() == 400).all() and set(table["year"]) == {2015, 2016, 2017}
    assert table.groupby(["x", "y"])["year"].nunique().eq(3).all()
    for year, rows in table.groupby("year"):
        (path,) = archive.parent.glob(f"synthetic-truth/*_{year}/built_up.tif")
        with rasterio.open(path) as truth:
            assert [int(v[0]) for v in truth.sample(rows[["x", "y"]].to_numpy())] == rows["label"].tolist()


def test_a_study_that_names_the_archives_sample_gets_points_that_stand_for_its_region(archive):
    study = study_of({
        "name": "small", "regions": demo_regions(archive),
        "resolution": 1000, "label_year": 2015, "prediction_years": [2016, 2017], "reference_sample": "archive",
        "products": {"night_lights": "viirs_monthly", "labels": "ghsl_smod_p2016"}, "features": "lights",
    })  # fmt: skip
    path = reference_path(study.reference_sample, str(archive))
    grid, outline = study.grid("here"), study.polygon("here")
    found = checked_reference(
        read_reference(path), path, grid, outline, study.prediction_years, region="here", wider=True
    )
    assert found["inside"].all()
    area = grid.pixel_areas_km2()[grid.inside(outline)].sum()
    assert found.groupby("year")["weight"].sum().to_numpy() == pytest.approx([area, area], rel=1e-3)

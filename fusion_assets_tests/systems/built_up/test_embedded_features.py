"""Studies whose features have an embedding: what is made, what is refused, what the stack holds."""

import dataclasses
import datetime as dt
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import rasterio

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine
from fusion_assets.imagery.file_catalogs.addition import add_files
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage
from fusion_assets.study.features import smaller_choices
from fusion_assets.study.imagery_requests import request_for
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.built_up import judgement
from fusion_assets.systems.built_up.report import words
from fusion_assets.systems.embeddings.section import map_grid, map_period
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.imagery.archives import make_item, write_catalog, write_tif
from fusion_assets_tests.whole_studies import study_of

PRODUCTS = {"sentinel2": {"product": "sentinel2_l2a", "bands": ["B02"]}, "labels": "ghsl_smod_v2"}
GOOGLE = {**PRODUCTS, "embedding": "satellite_embedding"}
PART = {"product": "satellite_embedding", "bands": ["A00"]}
OWN = {"count": 8, "patch_size": 60, "map_stride": 50, "maps": ["here"], "map_years": [2018, 2019]}
OWN |= {"period": ["2018-01-01", "2018-12-31"], "encoder": {"dim": 8}}


def study(**changes):
    content = {
        "name": "vectors",
        "regions": [{"name": "here", "bbox": [3.01, 50.5, 3.05, 50.53], "crs": "EPSG:32631"}],
        "resolution": 1000,
        "working_resolution": 100,
        "label_year": 2018,
        "prediction_years": [2019],
        "products": PRODUCTS,
        "features": "optics+embedding",
    }
    return study_of({**content, **changes})


def parents(made, asset="fused_stack"):
    definitions = build_definitions(SYSTEMS, {"study": made, "archive": "unused", "storage": "unused"})
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    return {key.to_user_string() for key in graph.get(dg.AssetKey(asset)).parent_keys}, definitions


def test_what_the_features_need_is_made_and_nothing_else():
    for made, source in (
        (study(products=GOOGLE), "satellite_embedding_composite"),
        (study(embeddings=OWN), "embedding_map"),
    ):
        rests_on, definitions = parents(made)
        assert rests_on == {"sentinel2_composite", source}
        checks = {key.name for each in definitions.asset_checks for key in each.check_keys}
        assert "embedding_helps" in checks
    names = {key.to_user_string() for each in definitions.assets for key in each.keys}
    assert not any(name.startswith("satellite") for name in names)
    rests_on, definitions = parents(study(features="optics", products=GOOGLE, embeddings=OWN))
    assert rests_on == {"sentinel2_composite"}
    names = {key.to_user_string() for each in definitions.assets for key in each.keys}
    assert "feature_ablation" not in names and not any(name.startswith("satellite") for name in names)


def test_names_and_choices():
    assert study(products=GOOGLE).feature_names == ("B02", *(f"A{n:02d}" for n in range(64)))
    assert study(embeddings=OWN).feature_names == ("B02", *(f"e{n:03d}" for n in range(8)))
    assert study(products=GOOGLE, embeddings=OWN).vectors is None
    assert smaller_choices("both") == ("optics", "lights") and smaller_choices("optics") == ()
    assert smaller_choices("lights+embedding") == ("lights",)
    assert smaller_choices("both+embedding") == ("optics", "lights", "both", "optics+embedding", "lights+embedding")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "section `embeddings` with `maps`"),
        ({"products": GOOGLE, "label_year": 2015, "prediction_years": [2016, 2019]}, "nothing of 2015, 2016"),
        ({"products": {**PRODUCTS, "embedding": PART}}, "1 of 64 numbers"),
        ({"products": {**PRODUCTS, "embedding": "viirs_annual"}}, "a night_lights product"),
        ({"embeddings": {**OWN, "map_years": [2018]}}, "embedding_map is of 2018 alone, not of 2019"),
        ({"embeddings": {**OWN, "map_stride": 30}}, "cells of 300 m"),
        ({"embeddings": {**OWN, "patch_size": 252, "map_stride": 200}}, "cells of 2000 m"),
        ({"embeddings": {**OWN, "map_years": [2018, 2018]}}, "every year once"),
        ({"embeddings": {**OWN, "map_years": [2018, 2019, 2099]}}, "embeddings.map_years holds 2099"),
        ({"embeddings": OWN, "regions": [{"name": n, "bbox": [3.01, 50.5, 3.05, 50.53]} for n in ("here", "there")]},
         "of here alone, not of there"),
    ],
)  # fmt: skip
def test_an_embedding_that_there_is_not_for_all_of_a_study_is_refused(changes, said):
    with pytest.raises(FusionError) as refused:
        study(**changes)
    assert said in str(refused.value)


def test_periods_of_further_years_are_moved_by_whole_years():
    made = study(embeddings={**OWN, "period": ["2019-12-01", "2020-02-29"], "map_years": [2018, 2019]})
    assert map_period(made, 2019) == (dt.date(2019, 12, 1), dt.date(2020, 2, 29))
    assert map_period(made, 2018) == (dt.date(2018, 12, 1), dt.date(2019, 2, 28))


@pytest.mark.parametrize(
    ("low", "high", "passed", "said"),
    [(-0.05, -0.01, True, "helps"), (-0.05, 0.01, False, "does not help"), (0.01, 0.02, False, "harms")],
)
def test_an_embedding_is_adopted_only_where_it_helps_beyond_chance(low, high, passed, said):
    less = {"mcc": {"value": (low + high) / 2, "low": low, "high": high}}
    document = {"whole": "both+embedding", "sets": {"both": {"minus_whole": less}}}
    judged = judgement.embedding_helps(document)
    assert judged.passed == passed and said in judged.sentence and "against both alone" in judged.sentence
    assert judged.sentence in words.features_caption(document)
    assert judged.facts["low"] == -high and judged.facts["high"] == -low


def archive(folder, grid):
    """A season of Sentinel-2 and a year of Satellite Embedding with numbers as on Earth Engine; and the numbers."""
    fine = grid.refine(10)
    vectors = np.random.default_rng(0).normal(size=(64, *fine.shape)) + np.linspace(-1, 1, 64)[:, None, None]
    vectors = (vectors / np.linalg.norm(vectors, axis=0)).astype(np.float32)
    files = []
    for number, values in enumerate(vectors):
        values[:10, :8] = np.nan
        files.append(write_tif(folder / f"place_A{number:02d}.tif", values, fine.transform, grid.crs, np.nan))
    optics = {
        "blue": write_tif(folder / "blue.tif", np.full(fine.shape, 2000, np.uint16), fine.transform, grid.crs),
        "scl": write_tif(folder / "scl.tif", np.full(fine.shape, 4, np.uint8), fine.transform, grid.crs),
    }
    told = {"earthsearch:boa_offset_applied": True, "platform": "sentinel-2a"}
    scene = make_item("s2", optics, dt.datetime(2018, 6, 1, tzinfo=dt.UTC), properties=told)
    catalog = write_catalog(folder / "catalog", {"sentinel-2-l2a": [scene]})
    add_files("satellite_embedding", files, Path(catalog), days=(dt.date(2018, 1, 1), dt.date(2018, 12, 31)))
    return catalog, vectors


@pytest.mark.slow
def test_satellite_embedding_is_the_same_by_both_engines_and_a_feature_of_unit_length(tmp_path):
    made = study(products=GOOGLE)
    grid = made.grid("here")
    catalog, vectors = archive(tmp_path / "files", grid)
    settings = Settings(study="vectors", storage=str(tmp_path / "data"), archive=catalog)
    request = request_for(made, settings, "embedding", "here", 2018)
    assert request.recipe.subdivision == 10 and request.recipe.reducer == "median"
    engine = ArchiveEngine(Storage(tmp_path / "archive"))
    expected = engine.collect(engine.submit(request)).compute()
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        other = EarthEngine(Storage(tmp_path / "earth"), Connection("demo", service.url))
        found = other.collect(other.submit(request)).compute()
    for name in expected.data_vars:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": made})
    with dg.DagsterInstance.ephemeral() as instance:
        for job in ("request_exports", "make_composites", "fuse"):
            ran = definitions.resolve_job_def(job).execute_in_process(partition_key="here|2018", instance=instance)
            assert ran.success
    with rasterio.open(tmp_path / "data/fused_stack/here/2018.tif") as file:
        bands = dict(zip(file.descriptions, file.read(), strict=True))
        assert list(bands) == list(made.feature_names) and file.units[1:] == ("1",) * 64
    held = np.stack([bands[name] for name in made.feature_names[1:]])
    squares = vectors.reshape(64, grid.height, 10, grid.width, 10)
    mean = np.nanmean(squares, axis=(2, 4))
    inside = grid.inside(made.polygon("here"))
    assert np.isnan(held[:, 0, 0]).all() and np.isnan(
        expected["A00"].values[0, 0]
    )  # 80 of 100 sub-pixels are not known
    assert inside[1:].any() and np.isfinite(held[0, 1:]).any()
    known = np.isfinite(held[0])
    np.testing.assert_allclose(held[:, known], (mean / np.linalg.norm(mean, axis=0))[:, known], atol=1e-5)


@pytest.mark.slow
def test_the_studys_own_map_is_averaged_into_the_stack_and_a_change_of_it_makes_the_stack_stale(tmp_path):
    made = study(embeddings=OWN)
    settings = Settings(study="vectors", storage=str(tmp_path))
    site, random = site_of(SYSTEMS, made, settings), np.random.default_rng(0)
    fine, grid = map_grid(made, "here"), made.grid("here")
    vectors = random.normal(size=(8, *fine.shape)) + 1
    numbers = np.rint(127 * vectors / np.linalg.norm(vectors, axis=0)).astype(np.float32)
    optics = grid.dataset({"B02": np.full(grid.shape, 0.2, "f4"), "observation_count": np.ones(grid.shape, "f4")})
    stored = {
        "embedding_map": (fine.dataset(dict(zip(made.vectors.bands, numbers, strict=True))), -128, "int8"),
        "sentinel2_composite": (optics, float("nan"), "float32"),
    }
    for asset, (raster, nodata, dtype) in stored.items():
        tags = study_tags(made, region="here", year=2019, scene_count=3, product="sentinel2_l2a", engine="archive")
        written = write_raster(raster, nodata=nodata, dtype=dtype, tags=tags | site.facts(asset, "here", "2019"))
        site.managers["rasters"].save(written, Artifact(asset, "here", "2019"))
        written.discard()
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": made})
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def("fuse")
        assert job.execute_in_process(partition_key="here|2019", instance=instance).success
    held = site.load("rasters", "fused_stack", "here", 2019)
    assert Grid.of(held).digest == grid.digest and held.attrs["embedding"] == "2019-01-01/2019-12-31"
    length = np.linalg.norm([held[name].values for name in made.vectors.bands], axis=0)
    assert np.nanmin(length) == pytest.approx(1, abs=1e-5) and np.nanmax(length) == pytest.approx(1, abs=1e-5)
    other = site_of(SYSTEMS, study(embeddings={**OWN, "encoder": {"dim": 8, "seed": 1}}), settings)
    facts = [each.facts("fused_stack", "here", "2019") for each in (site, other)]
    assert facts[0]["recipe_digest"] != facts[1]["recipe_digest"]

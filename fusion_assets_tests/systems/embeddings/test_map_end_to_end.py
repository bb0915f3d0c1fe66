"""Maps of embeddings: what is asked for, what is refused, and from an encoder and imagery to a map and its catalog."""

import dataclasses
import datetime as dt
import json

import dagster as dg
import numpy as np
import pytest
import rasterio
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.embeddings import imagery_requests as requests
from fusion_assets.systems.embeddings.encoder.network import Design
from fusion_assets.systems.embeddings.encoder.pairs import Pairs
from fusion_assets.systems.embeddings.encoder.stored import model_of
from fusion_assets.systems.embeddings.encoder.trained import untrained
from fusion_assets.systems.embeddings.section import learning_digest, map_grid, use_of
from fusion_assets.systems.embeddings.system import EMBEDDINGS
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.stac_documents import check_stac
from fusion_assets_tests.whole_studies import study_of

CORNERS = {"north": (13.3, 52.50), "south": (13.3, 52.45)}
PERIOD = (dt.date(2021, 12, 1), dt.date(2022, 2, 28))
MAPS = {"embedding_sentinel2_export", "embedding_sentinel1_export", "embedding_sentinel2", "embedding_sentinel1"}
MAPS |= {"embedding_map", "embeddings_catalog"}
PROBLEMS = [
    ({"map_stride": 7}, "embeddings.map_stride"),
    ({"map_stride": 20}, "embeddings.map_stride"),
    ({"maps": ["east"]}, "embeddings.maps"),
    ({"maps": ["north", "north"]}, "embeddings.maps"),
    ({"sentinel1": {"product": "sentinel1_grd", "direction": "ascending"}}, "embeddings.sentinel1.direction"),
    ({"sentinel2": "sentinel2_l1c"}, "embeddings.sentinel2.bands"),
]
SCENES = {"optics_request": "sentinel2_l2a", "radar_request": "sentinel1_grd"}


def study(**section):
    regions = [{"name": n, "bbox": [x, y, x + 0.01, y + 0.006]} for n, (x, y) in CORNERS.items()]
    use = {"count": 8, "patch_size": 18, "period": list(map(str, PERIOD)), "maps": ["north"], **section}
    return study_of(
        {
            "name": "vectors",
            "regions": [{**region, "crs": "EPSG:32633"} for region in regions],
            "resolution": 1000,
            "prediction_years": [2021],
            "features": "optics",
            "products": {"sentinel2": "sentinel2_l2a"},
            "embeddings": {"encoder": {"dim": 8}, **use},
        }
    )


def assets_of(made):
    return {key.to_user_string() for each in build_definitions(SYSTEMS, {"study": made}).assets for key in each.keys}


def test_imagery_is_of_the_period_and_reaches_half_a_patch_beyond_the_middles_of_cells():
    made, settings = study(), Settings(study="vectors", storage="nowhere")
    grid = map_grid(made, "north")
    assert use_of(made).stride == 8 and grid.resolution == 80
    for name, product in SCENES.items():
        asked = getattr(requests, name)(made, settings, "north", 2021)
        assert asked.product == product and asked.window == PERIOD and asked.recipe.subdivision == 1
        assert asked.grid.bounds == tuple(e + by for e, by in zip(grid.bounds, (-50, -50, 50, 50), strict=True))
        assert shapely.geometry.shape(asked.geometry).covers(made.polygon("north"))
    assert requests.optics_request(made, settings, "north", 2021).recipe.bands == use_of(made).bands


def test_maps_are_there_where_a_study_names_regions_and_do_not_change_what_is_learnt():
    made, without = study(), study(maps=[])
    assert assets_of(made) >= MAPS and not assets_of(without) & MAPS
    assert set(EMBEDDINGS.lacking(without)) >= MAPS and not set(EMBEDDINGS.lacking(made)) & MAPS
    assert learning_digest(made) == learning_digest(without) == learning_digest(study(map_stride=4))
    assert learning_digest(made) != learning_digest(study(patch_size=24))
    settings = Settings(study="vectors", storage="nowhere")
    facts = [requests.facts_of(each, settings, "embedding_map", "north", 2021) for each in (made, study(map_stride=4))]
    assert facts[0]["grid_digest"] != facts[1]["grid_digest"] and facts[0]["recipe_digest"] != facts[1]["recipe_digest"]


@pytest.mark.parametrize(("section", "key"), PROBLEMS)
def test_what_cannot_be_mapped_is_refused(section, key):
    with pytest.raises(FusionError, match=key):
        study(**section)


@pytest.mark.slow
def test_an_encoder_and_imagery_become_a_map_and_a_catalog(tmp_path):
    made = study()
    settings = Settings(study=made.name, storage=str(tmp_path))
    site, random, use = site_of(SYSTEMS, made, settings), np.random.default_rng(0), use_of(made)
    pairs = Pairs(
        random.random((4, 18, 18, 12), "f4"),
        random.normal(-15, 3, (4, 18, 18, 2)).astype("f4"),
        np.arange(4),
        use.bands,
    )
    encoder = untrained(Design(use.bands, 8, (4, 8, 8)), pairs, np.arange(4), seed=0)
    site.managers["models"].save(model_of(encoder, {"pretext": "none"}), Artifact("encoder", None, None))
    for name in SCENES:
        asked = getattr(requests, name)(made, settings, "north", 2021)
        levels = dict.fromkeys(asked.recipe.bands, 0.2) | {"VV": -10.0, "VH": -16.0}
        bands = {each: random.normal(levels[each], 0.05, asked.grid.shape).astype("f4") for each in asked.recipe.bands}
        for values in bands.values():
            values[-14:, -14:] = np.nan
        tags = study_tags(made, region="north", year=2021, scene_count=6, product=asked.product, engine="archive")
        tags |= site.facts(asked.asset, "north", "2021")
        raster = write_raster(asked.grid.dataset(bands), nodata=float("nan"), tags=tags)
        site.managers["rasters"].save(raster, Artifact(asked.asset, "north", "2021"))
        raster.discard()
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": made})
    with dg.DagsterInstance.ephemeral() as instance:
        for job, key in (("map_embeddings", "north|2021"), ("publish_embeddings", "north")):
            assert definitions.resolve_job_def(job).execute_in_process(partition_key=key, instance=instance).success
    grid = map_grid(made, "north")
    inside = grid.inside(made.polygon("north"))
    with rasterio.open(tmp_path / "embedding_map/north/2021.tif") as file:
        cells = file.read()
        assert file.dtypes[0] == "int8" and file.nodata == -128 and file.shape == grid.shape and file.count == 8
        assert file.tags()["FUSION_SCENE_COUNT"] == "12" and "FUSION_SYNTHETIC" not in file.tags()
    known = (cells != -128).all(axis=0)
    assert not known[~inside].any() and not known[-1, -1] and known[inside].mean() > 0.8
    assert np.linalg.norm(cells[:, known] / 127, axis=0) == pytest.approx(1, abs=0.03)
    item = json.loads((tmp_path / "stac/embeddings/north/2021.json").read_text())
    check_stac(item)
    (collection,) = [json.loads((tmp_path / "stac/embeddings/collection.json").read_text())]
    check_stac(collection)
    for bands in (item["assets"]["map"]["bands"], collection["item_assets"]["map"]["bands"]):
        assert [band["name"] for band in bands] == [f"e{number:03d}" for number in range(8)]
        assert {(band["data_type"], band["nodata"]) for band in bands} == {("int8", -128)}
    assert item["properties"]["start_datetime"][:10] == "2021-12-01"
    assert (tmp_path / "stac/embeddings-thumbnails/north/2021.png").stat().st_size > 300

"""The archive engine: submitting, collecting, listing what has finished, damaged files."""

import dataclasses
import datetime as dt
import json

import numpy as np
import pytest
from shapely.geometry import box, mapping

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine, scenes_for
from fusion_assets.imagery.engines.protocol import Export, ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import (
    FIRST_DAY,
    GRID,
    SHAPE,
    make_item,
    small_request,
    small_season,
    truncate,
    write_catalog,
    write_tif,
)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)


@pytest.fixture
def engine(tmp_path):
    return ArchiveEngine(Storage(tmp_path / "storage"))


@pytest.fixture
def season(tmp_path):
    return small_season(tmp_path)


def test_submitting_twice_is_one_operation(engine, season, tmp_path):
    first = engine.submit(small_request(season[0]))
    assert first.scenes == ("s0", "s1", "s2", "s3") and first.state == "SUCCEEDED"
    assert engine.submit(small_request(season[0])).id == first.id
    again = ArchiveEngine(Storage(tmp_path / "storage")).submit(small_request(season[0]))
    assert (again.id, again.scenes, again.submitted) == (first.id, first.scenes, first.submitted)
    assert engine.states([first]) == [first]
    assert [export.finished > first.finished for export in engine.finished_since(None)[0]] == [True]


def test_late_scenes_and_other_recipes_are_other_operations(engine, season, tmp_path):
    first = engine.submit(small_request(season[0]))
    small_season(tmp_path, days=5)
    late = engine.submit(small_request(season[0]))
    assert late.id != first.id and late.scenes[-1] == "s4"
    recipe = dataclasses.replace(first.request.recipe, min_valid_share=0.5)
    assert engine.submit(small_request(season[0], recipe=recipe)).id not in (first.id, late.id)
    # What was submitted stays what it was: the late scene is not in its pixels.
    assert int(engine.collect(first).observation_count.max()) == 4
    assert int(engine.collect(late).observation_count.max()) == 5


def test_collecting_gives_the_median_on_the_grid_lazily(engine, season):
    archive, stack = season
    pixels = engine.collect(engine.submit(small_request(archive)))
    assert pixels.B02.chunks is not None
    np.testing.assert_allclose(pixels.B02, np.median(stack, axis=0) * 1e-4, atol=1e-6)
    assert (pixels.observation_count == 4).all()


def test_landsat_is_read_in_its_own_numbers_from_the_satellites_that_have_its_bands(engine, tmp_path):
    items = []
    for day, (platform, stored, flags) in enumerate(
        [("landsat-8", 10_000, 1 << 6), ("LANDSAT_9", 20_000, 1 << 4), ("landsat-7", 40_000, 1 << 6)]
    ):
        red = write_tif(tmp_path / f"{day}_red.tif", np.full(SHAPE, stored, np.uint16))
        quality = write_tif(tmp_path / f"{day}_qa.tif", np.full(SHAPE, flags, np.uint16))
        moment = FIRST_DAY + dt.timedelta(days=day)
        items.append(make_item(f"s{day}", {"red": red, "qa_pixel": quality}, moment, properties={"platform": platform}))
    product = PRODUCTS["landsat_c2_l2"]
    request = small_request(
        write_catalog(tmp_path / "catalog", {"landsat-c2l2-sr": items}),
        product="landsat_c2_l2",
        recipe=CompositeRecipe(("SR_B4",), product.mask),
        collections=product.collections,
    )
    export = engine.submit(request)
    assert export.scenes == ("s0", "s1") and export.flags == ()
    pixels = engine.collect(export).compute()
    np.testing.assert_allclose(pixels.SR_B4, 10_000 * 2.75e-5 - 0.2, rtol=1e-5)  # the other is shadow
    assert (pixels.observation_count == 1).all()


def test_cloudy_scenes_are_left_out(engine, season):
    request = small_request(season[0], max_cloud_cover=10.0)
    assert [scene.id for scene in scenes_for(request)] == ["s0", "s1"]
    with pytest.raises(FusionError, match=r"4 left out as more than -1 % cloud"):
        engine.submit(small_request(season[0], max_cloud_cover=-1.0))


@pytest.mark.parametrize(
    "changes",
    [
        {"window": (dt.date(2018, 1, 1), dt.date(2018, 12, 31))},
        {"geometry": mapping(box(80, 0, 81, 1))},
    ],
)
def test_no_scenes_is_an_error_that_names_place_and_time(engine, season, changes):
    request = small_request(season[0], **changes)
    with pytest.raises(FusionError, match=r"no scenes .* here\|2019") as caught:
        engine.submit(request)
    assert str(request.window[0]) in caught.value.found and caught.value.remedy
    assert engine.finished_since(None)[0] == []


def test_scenes_that_have_gone_are_named(engine, season, tmp_path):
    export = engine.submit(small_request(season[0]))
    small_season(tmp_path, days=3)
    with pytest.raises(FusionError, match=r"no longer has 1 scene of .*: s3"):
        engine.collect(export)


def test_tickets_survive_json(engine, season):
    export = engine.submit(small_request(season[0], max_cloud_cover=60.0))
    restored = Export.from_dict(json.loads(json.dumps(export.to_dict())))
    assert restored == dataclasses.replace(export, request=restored.request)
    assert restored.request.to_dict() == export.request.to_dict()
    assert restored.request.recipe_digest == export.request.recipe_digest
    assert ExportRequest.from_dict(export.request.to_dict()).grid == GRID
    moved = dataclasses.replace(export.request, archive="/elsewhere/catalog.json")
    assert moved.recipe_digest == export.request.recipe_digest
    assert engine.submit(restored.request).id == export.id


def test_finished_operations_are_listed_and_a_lost_cursor_loses_nothing(engine, season, monkeypatch):
    assert engine.finished_since(None)[0] == []
    first = engine.submit(small_request(season[0]))
    found, cursor = engine.finished_since(None)
    assert [export.id for export in found] == [first.id]
    second = engine.submit(small_request(season[0], region="there"))
    later, cursor = engine.finished_since(cursor)
    assert second.id in {export.id for export in later}
    everything, _ = engine.finished_since(None)
    assert {export.id for export in everything} == {first.id, second.id}
    # A cursor well behind them: nothing is listed again.
    after = dt.datetime.fromisoformat(cursor) + dt.timedelta(hours=1)
    monkeypatch.setattr(operations, "utc_now", lambda: after)
    assert engine.finished_since(after.isoformat())[0] == []


def test_unreadable_scenes_are_all_found(engine, season, tmp_path):
    export = engine.submit(small_request(season[0]))
    assert engine.unreadable(export) == {}
    truncate(tmp_path / "files/1_blue.tif")
    (tmp_path / "files/2_scl.tif").unlink()
    with pytest.raises(UnreadableFile):
        engine.collect(export).compute()
    problems = engine.unreadable(export)
    assert {scene: error.href.rsplit("/", 1)[-1] for scene, error in problems.items()} == {
        "s1": "1_blue.tif",
        "s2": "2_scl.tif",
    }
    assert (engine.collect(export, without=problems).observation_count == 2).all()
    with pytest.raises(FusionError, match="none of the 4 scenes"):
        engine.collect(export, without=export.scenes)

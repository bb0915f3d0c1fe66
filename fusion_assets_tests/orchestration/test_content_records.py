"""What was changed after it was made is no input: on a real instance, whose records say what was made."""

import json
import os
import time
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.orchestration import failures
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.content_records import ContentRecord, check_content, check_pixels, while_replaced
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.storage.raster_writing import open_raster, write_raster
from fusion_assets_tests.orchestration.test_io_managers import GRID, expected, graph, raster, run

HOUR = 3600


def aged(path, seconds=HOUR):
    """Let a file have been changed some time ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def refusal(result):
    failures = [event.event_specific_data for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return failures[-1].user_failure_data.description


@pytest.fixture
def made(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        assets = graph("2016")
        run(assets, "demo|2016", str(tmp_path), "composite", "samples", "card", instance=instance)

        def again(asset, partition="demo|2016"):
            return run(assets, partition, str(tmp_path), asset, instance=instance, raise_on_error=False)

        yield tmp_path, again


def test_an_edited_document_beside_a_table_is_no_input(made):
    folder, again = made
    path = folder / "samples/demo/2016.json"
    path.write_text(path.read_text().replace('"dropped": 20', '"dropped": 0'))
    aged(path)
    aged(folder / "samples/demo/2016.parquet")
    told = refusal(again("card"))
    assert "was changed after it was made: document_digest" in told and "fusion run --select samples" in told


def test_an_edited_document_is_no_input(made):
    folder, again = made
    path = folder / "card/demo/2016.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rows": 1}))
    aged(path)
    assert "2016.json was changed after it was made" in refusal(again("trend", "demo"))


def test_pixels_of_another_raster_under_the_same_name_are_no_input(made):
    folder, again = made
    other = raster("1999")
    os.replace(other.path, folder / "composite/demo/2016.tif")
    aged(folder / "composite/demo/2016.tif")
    assert "was changed after it was made: digest" in refusal(again("samples"))


def test_what_another_run_has_placed_and_not_yet_recorded_is_read_again(made, monkeypatch):
    monkeypatch.setattr(failures, "REPLACED_RETRIES", dg.RetryPolicy(max_retries=3, delay=0.05))
    folder, again = made
    path = folder / "samples/demo/2016.json"
    before, calls = path.read_bytes(), []
    path.write_bytes(before.replace(b"20", b"21"))
    from fusion_assets.orchestration import content_records

    real = content_records.content_record

    def recorded(*place):
        calls.append(1)
        if len(calls) == 2:
            path.write_bytes(before)
        return real(*place)

    monkeypatch.setattr(content_records, "content_record", recorded)
    assert again("card").success and len(calls) == 2


def overwritten(path):
    """Change pixels in a COG, its tags kept."""
    import rasterio

    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.write(file.read(1) * 0 + 5, 1)


def test_overwritten_pixels_are_found_by_their_time_and_by_their_digest(tmp_path):
    manager, where = managers(str(tmp_path), expected())["rasters"], Artifact("composite", "demo", "2016")
    record = ContentRecord({"digest": manager.save(raster("2016"), where)["digest"]}, time.time())
    path = manager.path(where)
    check_content(manager, where, record)
    check_pixels(manager, where, record.digests, "as recorded")
    overwritten(path)
    os.utime(path, (time.time() + 60,) * 2)
    with pytest.raises(FusionError, match="was changed after it was made: digest"):
        check_content(manager, where, record)
    aged(path)
    check_content(manager, where, record)  # nothing but its pixels tell
    with pytest.raises(FusionError, match="was changed after it was made: digest"):
        check_pixels(manager, where, record.digests, "as recorded")


def test_a_raster_that_is_placed_anew_with_the_same_content_goes_on_being_read(tmp_path):
    def placed(value):
        made = write_raster(GRID.dataset({"a": np.full(GRID.shape, value, "f4")}), nodata=np.nan, tags={})
        os.replace(made.path, tmp_path / "a.tif")

    placed(1)
    reading = open_raster(tmp_path / "a.tif")
    placed(1)
    assert float(reading["a"].mean()) == 1
    placed(2)
    with pytest.raises(Replaced, match="replaced while"):
        reading["a"].compute()


def test_of_two_runs_at_once_either_may_be_the_last_to_record(tmp_path):
    manager, where = managers(str(tmp_path), expected())["documents"], Artifact("card", "demo", "2016")
    digest = manager.save({"asked": "at two"}, where)["digest"]
    aged(manager.path(where))
    check_content(manager, where, ContentRecord({"digest": "other"}, 0.0, ({"digest": digest},)))
    for before in ((), ({},), ({"digest": "a third"},)):
        with pytest.raises(FusionError, match="was changed after it was made"):
            check_content(manager, where, ContentRecord({"digest": "other"}, time.time(), before))


def test_looking_again_ends(monkeypatch):
    monkeypatch.setattr("fusion_assets.orchestration.content_records._PAUSES_S", (0, 0))
    looks = []

    def look():
        looks.append(1)
        raise Replaced("again")

    with pytest.raises(Replaced):
        while_replaced(look)
    assert len(looks) == 3
    assert while_replaced(lambda: Path("x")) == Path("x")

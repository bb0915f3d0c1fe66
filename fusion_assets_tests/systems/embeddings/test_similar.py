"""Places like the one at a point: which are found, what is told of them, and what is refused."""

import argparse
import importlib.util
import json
import sys

import numpy as np
import pandas as pd
import pytest

from fusion_assets.cli.main import main
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.orchestration.system import sections_of
from fusion_assets.settings import Settings
from fusion_assets.study import load_study
from fusion_assets.systems.embeddings import similar_command as command
from fusion_assets.systems.embeddings.neighbours import nearest
from fusion_assets.systems.embeddings.similar import similar, text_of
from fusion_assets.systems.registry import SYSTEMS


def index_of(count=40, dim=8, seed=0):
    """Patches along a parallel, 0.1 degrees apart, across the date line; by radar each is like those ten apart."""
    random = np.random.default_rng(seed)
    vectors = {use: random.normal(size=(count, dim)).astype("f4") for use in command.USES}
    kinds = np.tile(vectors["radar"][:10], (count // 10, 1))
    vectors["radar"] = kinds + random.normal(0, 0.05, (count, dim)).astype("f4")
    lon = (np.arange(count) * 0.1 + 178 + 180) % 360 - 180
    held = {name: list(values / np.linalg.norm(values, axis=1, keepdims=True)) for name, values in vectors.items()}
    times = {"optics_time": "2021-12-03T10:40:00Z", "radar_time": "2021-12-04T18:00:00Z"}
    table = pd.DataFrame({"patch": np.arange(count) + 100, "shard": 0, "lon": lon, "lat": 10.0, "split": "test"})
    return table.assign(**times, **held)


@pytest.mark.parametrize("most", [1, 10**6])
def test_neighbours_are_those_with_the_largest_cosine_by_numpy_and_by_usearch(most, monkeypatch):
    if most == 1 and importlib.util.find_spec("usearch") is None:  # an installation without the extra
        with pytest.raises(FusionError, match=r"(?s)usearch is not installed.*fusion-assets\[search\]"):
            nearest(np.ones((2, 3)), np.ones((1, 3)), 1, most)
        return
    monkeypatch.setattr("fusion_assets.systems.embeddings.neighbours._BLOCK", 7)
    random = np.random.default_rng(1)
    vectors, asked = random.normal(size=(50, 6)) * random.uniform(0.1, 9, (50, 1)), random.normal(size=(3, 6))
    vectors[30] = 2 * vectors[4]
    asked[0] = vectors[4]
    rows, near = nearest(vectors, asked, 5, most)
    cosine = (asked @ vectors.T) / np.linalg.norm(asked, axis=1)[:, None] / np.linalg.norm(vectors, axis=1)
    assert np.array_equal(rows, np.argsort(-cosine.round(6), axis=1, kind="stable")[:, :5])
    assert rows[0, :2].tolist() == [4, 30]
    assert near == pytest.approx(np.take_along_axis(cosine, rows, axis=1), abs=1e-6)
    assert nearest(vectors, asked, 99, most)[0].shape == (3, 50)


def test_without_usearch_many_vectors_are_refused_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(FusionError, match=r"(?s)3 vectors, and usearch is not installed.*fusion-assets\[search\]"):
        nearest(np.ones((3, 2)), np.ones((1, 2)), 1, most=2)


@pytest.mark.parametrize(
    ("vectors", "count"), [(np.zeros((2, 3)), 1), (np.full((2, 3), np.nan), 1), (np.ones((2, 4)), 1)]
)
def test_vectors_without_a_direction_or_of_another_length_are_refused(vectors, count):
    with pytest.raises(FusionError):
        nearest(vectors, np.ones((1, 3)), count)


def test_the_patch_at_the_point_is_compared_with_all_others():
    found = similar(index_of(), -179.99, 10.02, "radar", 4)
    # 20 steps of 0.1 degrees from 178 E is the date line; the patch there is itself no answer.
    assert found["at"]["patch"] == 120 and found["at"]["km"] == pytest.approx(2.5, abs=0.1)
    *three, last = found["similar"]
    assert {each["patch"] for each in three} == {100, 110, 130}
    assert min(each["similarity"] for each in three) > 0.98 > last["similarity"] and last["split"] == "test"
    assert {each["patch"]: each["km"] for each in three}[130] == pytest.approx(109.5, abs=0.5)
    optics = similar(index_of(), -179.99, 10.02, "optics", 100)["similar"]
    assert len(optics) == 39 and [each["similarity"] for each in optics] == sorted(
        (each["similarity"] for each in optics), reverse=True
    )


def test_a_point_far_from_all_patches_is_refused():
    with pytest.raises(FusionError, match=r"(?s)111 km away.*within 25 km.*--within"):
        similar(index_of(), 178, 11)
    assert similar(index_of(), 178, 11, farthest_km=120)["at"]["patch"] == 100
    with pytest.raises(FusionError, match="empty"):
        similar(index_of().head(0), 178, 10)


def test_a_table_has_a_line_for_each():
    lines = text_of(similar(index_of(), 178, 10, "radar", 4)).splitlines()
    assert lines[0].startswith("Patch 100 at 178.0000,10.0000, 0 km from the point") and "2021-12-03" in lines[0]
    assert lines[1] == "Most like it by radar alone:" and len(lines) == 7
    assert lines[2].split() == ["similarity", "lon", "lat", "km", "optics", "radar", "split", "patch"]
    assert {line.split()[-1] for line in lines[3:6]} == {"110", "120", "130"} and len(
        {len(line) for line in lines[2:]}
    ) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("85.32", "LON,LAT"), ("a,b", "LON,LAT"), ("1,2,3", "LON,LAT"), ("10,100", "longitude comes first: 100,10")],
)
def test_what_is_no_point_is_told(text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        command.point_of(text)


def test_other_numbers_are_read_or_refused():
    assert command.point_of("-3.7, 40.4") == (-3.7, 40.4)
    assert command.count_of("20") == 20 and command.kilometres_of("0.5") == 0.5
    for parse, text in ((command.count_of, "0"), (command.count_of, "x"), (command.kilometres_of, "nan")):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The demo's study and an empty storage; stores a table as an asset."""
    monkeypatch.setenv("FUSION_STUDY", "demo_embeddings")
    monkeypatch.setenv("FUSION_STORAGE", str(tmp_path))
    study = load_study("demo_embeddings", sections=sections_of(SYSTEMS))
    site = site_of(SYSTEMS, study, Settings.from_environment())
    return lambda table: site.managers["tables"].save(table, Artifact("embedding_index", None, None))


ASKED = ("similar", "--at=-179.99,10", "--from", "radar", "--count", "3")


def test_the_command_prints_what_it_finds_in_the_storage(desk, capsys):
    assert main(ASKED) == 1 and "fusion run --select '*embedding_index'" in capsys.readouterr().err
    desk(index_of().assign(optics_item="SYNTHETIC_S2A_2021"))
    assert main(ASKED) == 0
    out = capsys.readouterr().out
    assert out.startswith("SYNTHETIC") and len(out.splitlines()) == 7 and "Patch 120 at -180.0000,10.0000" in out
    assert main((*ASKED, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["synthetic"] and {each["patch"] for each in found["similar"]} == {100, 110, 130}
    with pytest.raises(SystemExit) as ended:
        main(("similar", "--at", "10,100"))
    assert ended.value.code == 2 and "longitude comes first" in capsys.readouterr().err


def test_a_study_without_embeddings_is_told_so(desk, monkeypatch, capsys):
    monkeypatch.setenv("FUSION_STUDY", "demo")
    assert main(ASKED) == 1 and "a section `embeddings`" in capsys.readouterr().err

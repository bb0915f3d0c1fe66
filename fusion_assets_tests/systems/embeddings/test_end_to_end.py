"""The whole group from one command on one synthetic place: places, patches, labels, an encoder, its worth, a report."""

import json
from pathlib import Path

import pytest
import yaml

import fusion_assets
from fusion_assets.demo.pairs.files import build
from fusion_assets_tests.command_line import fusion

pytestmark = pytest.mark.slow

UNSEEN = [50, 80]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    archive = build(folder / "pairs", places=1)
    study = yaml.safe_load((Path(fusion_assets.__file__).parent / "studies" / "demo_embeddings.yaml").read_text())
    study["regions"] = study["regions"][:1]
    study["embeddings"] |= {
        "count": 160,
        "shard_size": 80,
        "split": {"cell_km": 1.5, "test": 0.4, "buffer_km": 0},
        "encoder": {"dim": 16, "steps": 4},
        "unseen_classes": UNSEEN,
        "maps": [],
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    variables = {
        "FUSION_STUDY": "study.yaml",
        "FUSION_ARCHIVE": str(archive / "catalog.json"),
        "FUSION_STORAGE": "data",
        "DAGSTER_HOME": str(folder / "home"),
    }
    done = fusion(["run", "--select", "group:embeddings"], folder, variables)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return folder, variables, done


def document(folder, name):
    return json.loads((folder / "data" / f"{name}.json").read_text())


def test_every_place_is_counted(ran):
    folder, _, _ = ran
    index, plan = document(folder, "patch_index"), document(folder, "patch_plan")
    assert index["asked"] == plan["asked"] == 160
    assert index["got"] == plan["planned"] > 80
    assert index["got"] + sum(index["missing"].values()) == 160


def test_patches_with_classes_that_are_to_stay_unseen_are_kept_from_the_encoder(ran):
    folder, _, _ = ran
    card, plan = document(folder, "encoder"), document(folder, "patch_plan")
    assert 16 <= card["patches"] < plan["splits"]["train"]


def test_floors_and_encoder_stand_side_by_side_in_a_report_that_says_it_is_synthetic(ran):
    folder, _, done = ran
    evaluation = document(folder, "embedding_evaluation")
    methods = {row["method"] for row in evaluation["probes"]}
    assert methods >= {"statistics", "random_convolutions", "components", "untrained", "encoder"}
    assert evaluation["task"]["learnt"] and evaluation["synthetic"] is True
    page = (folder / "data" / "embeddings_report.html").read_text()
    assert "Synthetic." in page and "embeddings_report.html" in done.stdout


def test_nothing_is_made_twice_and_places_like_another_are_found(ran):
    folder, variables, _ = ran
    again = fusion(["run", "--select", "group:embeddings"], folder, variables)
    assert again.returncode == 0 and "made" not in again.stdout.replace("not made", ""), again.stdout
    found = fusion(["similar", "--at", "81.0,27.0", "--count", "3", "--json"], folder, variables)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "similarity" in found.stdout

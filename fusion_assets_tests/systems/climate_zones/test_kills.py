"""Trainings and conversions that are killed: what is begun again ends as what was never interrupted."""

import json
import shutil
import signal

import pytest

from fusion_assets_tests.systems.climate_zones.zone_processes import Folder

pytestmark = pytest.mark.slow
EPOCHS = 3
DIE = "os.kill(os.getpid(), signal.SIGKILL)"
AFTER_AN_EPOCH = f"""
from fusion_assets.learning.training import State
save = State.save
def killed(self, *all):
    save(self, *all)
    {DIE}
State.save = killed
"""
AT_A_FILE = """
rename = os.{name}
def killed(source, target, **rest):
    if {part!r} in str(target):
        {die}
    return rename(source, target, **rest)
os.{name} = killed
"""
MODEL = "fusion_model/random.all.0/0"


def at(part, name="replace"):
    """Die when a file or folder is to get its name."""
    return AT_A_FILE.format(name=name, part=part, die=DIE)


def killed(folder, *words, before, **places):
    code, told = folder.fusion(*words, before=before, **places)
    assert code == -signal.SIGKILL, told[-3000:]


def made(folder, *words, **places):
    code, told = folder.fusion(*words, **places)
    assert code == 0, told[-3000:]
    return told


def kept(arrays):
    """What lies in a folder of arrays, beside its lock."""
    return sorted(path for path in arrays.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A storage `whole` with a model whose training was not interrupted, and one without, `data`."""
    folder = Folder(tmp_path_factory.mktemp("zones"), EPOCHS, settings=["random"], stages=[0], seeds=1)
    made(folder, "run", "--select", "lcz_patches,lcz_splits")
    shutil.copytree(folder.path / "data", folder.path / "whole")
    shutil.copytree(folder.path / "home", folder.path / "whole_home")
    made(folder, "run", "--select", "fusion_model", storage="whole", home="whole_home")
    return folder


def test_a_training_killed_at_every_epoch_gives_the_weights_and_history_of_one_that_was_not(folder):
    states = folder.path / "data/zone_states/random.all.0"
    moments = [at("zone_states"), *[AFTER_AN_EPOCH] * EPOCHS, at("fusion_model")]
    # More than the pool's slots, none of which may stay with the dead.
    assert len(moments) > 4
    for number, before in enumerate(moments):
        killed(folder, "run", "--select", "fusion_model", before=before)
        assert number == 0 or (states / "0/state.npz").is_file()
    made(folder, "run", "--select", "fusion_model")
    whole, ours = ((folder.path / name / MODEL) for name in ("whole", "data"))
    assert ours.with_suffix(".keras").read_bytes() == whole.with_suffix(".keras").read_bytes()
    cards = [json.loads(path.with_suffix(".json").read_text()) for path in (whole, ours)]
    assert len(cards[0]["history"]) == EPOCHS and cards[0]["history"] == cards[1]["history"]
    assert not [path for path in (folder.path / "data/zone_states").rglob("*") if path.is_file()]


def test_a_conversion_that_is_killed_is_done_again_and_leaves_nothing_half(folder):
    places = {"storage": "again", "home": "again_home"}
    for before in (at("zone_arrays", "rename"), f"from fusion_assets.systems.climate_zones.so2sat import conversion\n"
                   f"conversion._write_sen2 = lambda *all: {DIE}"):  # fmt: skip
        killed(folder, "run", "--select", "lcz_patches", before=before, **places)
    made(folder, "run", "--select", "lcz_patches", **places)
    arrays = [kept(folder.path / name / "zone_arrays") for name in ("data", "again")]
    assert [path.name for path in arrays[0]] == [path.name for path in arrays[1]] and len(arrays[0]) == 3
    for path in (path for part in arrays[0] for path in part.glob("*.npy")):
        assert path.read_bytes() == (folder.path / "again/zone_arrays" / path.parent.name / path.name).read_bytes()
    documents = [json.loads((folder.path / name / "lcz_patches.json").read_text()) for name in ("data", "again")]
    assert documents[0]["parts"] == documents[1]["parts"]


def test_processes_that_convert_at_once_agree(folder):
    code = "from pathlib import Path; from fusion_assets.systems.climate_zones.so2sat.conversion import convert; "
    convert = f"{code}convert('files', 'arrays'); sys.exit()"
    processes = [folder.begun(before=convert) for _ in range(3)]
    for process in processes:
        told, _ = process.communicate(timeout=300)
        assert process.returncode == 0, told[-3000:]
    found, ours = kept(folder.path / "arrays"), kept(folder.path / "data/zone_arrays")
    assert [path.name for path in found] == [path.name for path in ours]

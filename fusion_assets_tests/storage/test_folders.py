"""Folders of files: whole or not at all, on any root; what is changed or missing is named."""

import dataclasses

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.storage.folders import write_folder
from fusion_assets.storage.root import Storage

PLACE = Artifact("patches", "here", "2022")
FACTS = {"study": "nights", "recipe_digest": "r1"}


@pytest.fixture(params=["disk", "memory"])
def manager(request, tmp_path):
    root = str(tmp_path) if request.param == "disk" else f"memory://{tmp_path.name}"
    return managers(root, lambda *asked: FACTS)["folders"]


def put(manager, facts=FACTS, **files):
    def fill(folder):
        for name, content in files.items():
            (folder / f"{name}.bin").write_bytes(content)

    return write_folder(manager.storage, manager.path(PLACE), fill, facts=facts, about={"unit": "nW"})


def folders(manager):
    return manager.storage.directories(f"{manager.storage.root}/patches/here")


def test_files_come_back_as_they_were(manager):
    made = put(manager, first=b"1", second=b"22")
    metadata = manager.save(made, PLACE)
    paths = manager.load(PLACE)
    assert {name: manager.storage.read_bytes(path) for name, path in paths.items()} == {
        "first.bin": b"1",
        "second.bin": b"22",
    }
    assert (metadata["files"], metadata["size_bytes"], metadata["digest"]) == (2, 3, made.digest)
    assert manager.digests(PLACE) == {name: metadata[name] for name in ("digest", "record_digest")}
    assert manager.pixel_digests(PLACE) == {} and manager.document(PLACE)[0]["unit"] == "nW"
    assert manager.changed(PLACE) is not None


def test_files_may_lie_in_folders_below(manager):
    def fill(folder):
        (folder / "store/b/c").mkdir(parents=True)
        (folder / "store/b/c/0").write_bytes(b"deep")
        (folder / "table").write_bytes(b"flat")

    made = write_folder(manager.storage, manager.path(PLACE), fill, facts=FACTS)
    manager.save(made, PLACE)
    paths = manager.load(PLACE)
    assert sorted(paths) == ["store/b/c/0", "table"]
    assert manager.storage.read_bytes(paths["store/b/c/0"]) == b"deep" and manager.pixel_digests(PLACE) == {}
    manager.storage.write_bytes(b"dust", paths["store/b/c/0"])
    with pytest.raises(FusionError, match="store/b/c/0"):
        manager.pixel_digests(PLACE)


def test_equal_files_have_equal_digests_wherever_they_lie(manager):
    first, again, other = put(manager, a=b"1"), put(manager, a=b"1"), put(manager, a=b"2")
    assert first.name != again.name and first.digest == again.digest != other.digest


def test_what_nothing_names_is_not_there(manager):
    put(manager, a=b"1")
    assert not manager.storage.exists(manager.path(PLACE))


def test_the_one_before_stays_for_its_readers_and_the_one_before_that_goes(manager):
    made = []
    for content in (b"1", b"2", b"3"):
        made.append(put(manager, a=content))
        manager.save(made[-1], PLACE)
    assert set(folders(manager)) == {each.name for each in made[1:]}


def test_a_failure_on_the_way_leaves_nothing(manager, monkeypatch):
    original, done = Storage.put_file, []

    def fails(self, local, path):
        if done:
            raise OSError("no space")
        done.append(path)
        original(self, local, path)

    monkeypatch.setattr(Storage, "put_file", fails)
    with pytest.raises(OSError, match="no space"):
        put(manager, a=b"1", b=b"2")
    assert folders(manager) == []


@pytest.mark.parametrize("harm", ["missing", "longer", "more"])
def test_other_files_than_were_written_are_refused(manager, harm):
    manager.save(put(manager, a=b"1", b=b"2"), PLACE)
    path = manager.load(PLACE)["a.bin"]
    if harm == "missing":
        manager.storage.remove(path)
    else:
        manager.storage.write_bytes(b"12", path if harm == "longer" else path.replace("a.bin", "c.bin"))
    with pytest.raises(FusionError, match=r"as they were written[\s\S]*fusion run --select patches"):
        manager.load(PLACE)


def test_a_changed_byte_is_found_by_whoever_reads_all(manager):
    manager.save(put(manager, a=b"1", b=b"2"), PLACE)
    manager.storage.write_bytes(b"3", manager.load(PLACE)["b.bin"])
    with pytest.raises(FusionError, match=r"1 changed file: b\.bin"):
        manager.pixel_digests(PLACE)


def test_a_record_that_names_something_elsewhere_is_refused(manager):
    odd = dataclasses.replace(put(manager, a=b"1"), name="../other.files")
    manager.save(odd, PLACE)
    with pytest.raises(FusionError, match="one beside it"):
        manager.load(PLACE)


def test_another_studys_files_are_not_placed(manager):
    with pytest.raises(FusionError, match="other settings"):
        manager.save(put(manager, facts=FACTS | {"recipe_digest": "r2"}, a=b"1"), PLACE)

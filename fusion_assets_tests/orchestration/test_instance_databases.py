"""Opening the Dagster instance: many at once, what earlier races have left behind, and what cannot be opened."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import dagster as dg
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.orchestration import instance as module
from fusion_assets.orchestration.instance import check_instance, opened_instance, prepare_home
from fusion_assets.orchestration.instance_databases import check_databases

DATABASES = ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"]
# What Dagster stamps on tables that it finds without a version, as the second of two first starts does.
SECOND_VERSION = "5771160a95ad"
RUN = "00000000-0000-4000-8000-000000000001"
START = """
import sys
from fusion_assets.orchestration.instance import opened_instance, prepare_home
print("ready", flush=True)
sys.stdin.readline()
with opened_instance(prepare_home("any")) as instance:
    instance.get_runs(), instance.all_asset_keys(), instance.all_instigator_state()
"""
HOLD = """
import sys
from pathlib import Path
from fusion_assets.orchestration.instance import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@dg.job
def nothing():
    pass


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return prepare_home("any")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An instance with a record of a run; made once, for that takes seconds."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))
        with opened_instance(prepare_home("any")) as instance:
            instance.create_run_for_job(nothing, run_id=RUN)
    return folder


@pytest.fixture
def used(home, template):
    shutil.copytree(template, home, dirs_exist_ok=True)
    return home


@pytest.fixture
def holder(home):
    """A process that is opening the instance and does not get on."""
    process = started(HOLD, str(home))
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def started(code, *arguments):
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def execute(path, statement):
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(statement).fetchall()


def runs_in(home):
    with opened_instance(home) as instance:
        return [run.run_id for run in instance.get_runs()]


@pytest.mark.slow
def test_processes_that_start_at_once_all_work(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "new"))
    processes = [started(START) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
    for name in DATABASES:
        assert len(execute(tmp_path / "new" / name, "SELECT * FROM alembic_version")) == 1, name
    left = {path.name for path in (tmp_path / "new").iterdir()}
    assert not [name for name in left if name.startswith(".dagster.yaml")]


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_of_two_versions_is_refused_then_repaired(name, used):
    [(newest,)] = execute(used / name, "SELECT * FROM alembic_version")
    execute(used / name, f"INSERT INTO alembic_version VALUES ('{SECOND_VERSION}')")
    with pytest.raises(FusionError, match=r"of 2 versions.*\n.*\n.*fusion doctor"), opened_instance(used):
        pass
    assert f"{name} says that it is of 2 versions" in check_instance("any") and "repaired" not in check_instance("any")
    assert execute(used / name, "SELECT * FROM alembic_version") == [(newest,)]
    assert runs_in(used) == [RUN]


@pytest.mark.parametrize(("name", "table"), zip(DATABASES, ["run_tags", "asset_keys", "instigators"], strict=True))
def test_a_database_that_lacks_a_table_is_refused_then_completed(name, table, used):
    execute(used / name, f"DROP TABLE {table}")
    with pytest.raises(FusionError, match=f"has no table {table}"), opened_instance(used):
        pass
    assert "repaired" in check_instance("any")
    assert execute(used / name, f"SELECT count(*) FROM {table}") == [(0,)]
    assert runs_in(used) == [RUN]


def test_a_database_of_unknown_versions_is_left_as_it_is(used):
    execute(used / DATABASES[0], "UPDATE alembic_version SET version_num = 'later'")
    execute(used / DATABASES[0], "INSERT INTO alembic_version VALUES ('latest')")
    with pytest.raises(FusionError, match="install the version of Dagster"):
        check_instance("any")
    assert len(execute(used / DATABASES[0], "SELECT * FROM alembic_version")) == 2


@pytest.mark.parametrize("name", DATABASES)
def test_a_file_that_is_no_database_is_named_and_left(name, used):
    (used / name).write_bytes(b"not a database" * 1000)
    for suffix in ("-wal", "-shm"):
        (used / f"{name}{suffix}").unlink(missing_ok=True)
    with pytest.raises(FusionError, match=rf"{name} .*cannot be read.*not a database"):
        check_instance("any")
    with pytest.raises(FusionError, match=name), opened_instance(used):
        pass
    assert (used / name).read_bytes().startswith(b"not a database")


def test_an_instance_that_is_whole_or_not_there_is_said_to_be_so(used, monkeypatch, tmp_path):
    assert check_instance("any").endswith("3 databases, all whole")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "none"))
    assert "none at" in check_instance("any") and not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(FusionError, match="set DAGSTER_HOME"):
        check_instance("any")


def test_a_process_that_was_killed_while_opening_blocks_nobody(holder, used):
    holder.kill()
    holder.wait()
    assert runs_in(used) == [RUN]


def test_waiting_ends_and_says_what_for(holder, home, monkeypatch, capsys):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(module, "_SILENT_SECONDS", 0.1)
    with pytest.raises(FusionError, match="another process has been opening"), opened_instance(home):
        pass
    assert f"waiting for another process, which is opening the Dagster instance {home}" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["storage: [", "no_such_key: 1\n"])
def test_a_faulty_dagster_yaml_is_named(text, home):
    (home / "dagster.yaml").write_text(text)
    with pytest.raises(FusionError, match=r"dagster\.yaml"), opened_instance(home):
        pass


def test_settings_that_are_there_are_kept(home):
    assert os.environ["DAGSTER_HOME"] == str(home)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    prepare_home("any")
    assert (home / "dagster.yaml").read_text() == "telemetry:\n  enabled: false\n"


def test_databases_that_cannot_be_written_are_named(tmp_path, monkeypatch):
    from fusion_assets.orchestration import instance_databases

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    home = prepare_home("demo")
    with opened_instance(home):
        pass
    monkeypatch.setattr(instance_databases.os, "access", lambda place, mode: "runs.db" not in str(place))
    with pytest.raises(FusionError, match=r"runs\.db of the Dagster instance cannot be written"):
        check_databases(home)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("telemetry: {enabled: false}", "."),
        ("storage: {sqlite: {base_dir: /elsewhere}}", "/elsewhere"),
        ("storage: {postgres: {postgres_url: x}}", None),
        ("run_storage: {module: a, class: b}", None),
    ],
)
def test_databases_are_looked_for_where_the_instance_keeps_them(tmp_path, text, folder):
    from fusion_assets.orchestration.instance_databases import databases_folder

    (tmp_path / "dagster.yaml").write_text(text)
    assert databases_folder(tmp_path) == (None if folder is None else tmp_path / folder)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"storage: nonsense"])
def test_doctor_finds_settings_that_dagster_cannot_read(tmp_path, monkeypatch, content):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_bytes(content)
    with pytest.raises(FusionError, match=r"dagster\.yaml cannot be read|cannot be opened"):
        check_instance("demo")

"""The SQLite databases of a Dagster instance: whether they are whole, and making them whole again.

Dagster makes them when an instance is first opened, and does not expect two processes to do so at once: tables are
then missing, or a database says that it is of two versions.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from fusion_assets.errors import FusionError
from fusion_assets.storage.disk_space import full

if TYPE_CHECKING:
    from sqlalchemy import MetaData

_LEAST_FREE = 200_000
_LOCKED_SECONDS = 10
_ROOM = "free some space on its disk, or set DAGSTER_HOME to a larger one"
_WRITABLE = "make it writable again, or set DAGSTER_HOME to a directory of your own"
_REMEDIES = {
    "full": _ROOM,
    "no space": _ROOM,
    "quota": _ROOM,
    "disk i/o error": _ROOM,
    "readonly": _WRITABLE,
    "read-only": _WRITABLE,
    "permission": _WRITABLE,
    "locked": "stop what else uses it",
}
_STORAGES = ("storage", "run_storage", "event_log_storage", "schedule_storage")


def check_databases(home: Path) -> int:
    """How many databases there are, every one of them whole.

    Raises:
        FusionError: one is no database, lacks tables or says that it is of several versions; names it.
    """
    found = _databases(home)
    for path, tables in found.items():
        for place in (path, path.parent):
            if not os.access(place, os.W_OK):
                raise FusionError(
                    f"{place} of the Dagster instance cannot be written by this user",
                    "databases that whoever runs this project may write",
                    f"give it to this user (chown), or set DAGSTER_HOME to a directory of your own; now {home}",
                )
        if problem := _problem(path, tables):
            raise FusionError(
                f"{path} of the Dagster instance {problem}",
                "a database that was made by one process from beginning to end",
                "run `fusion doctor`, which completes it and keeps the records of runs in it",
            )
    return len(found)


def repair_databases(home: Path) -> list[str]:
    """Complete what is half made and keep one version; returns what was done. No record of a run is touched.

    Raises:
        FusionError: a file is no database, is damaged, or was made by another version of Dagster.
    """
    done = []
    for path, tables in _databases(home).items():
        with _read(path) as database:
            said = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
        if said != ["ok"]:
            raise _damaged(path, said[0])
        if problem := _problem(path, tables):
            _repair(path, tables)
            done.append(f"{path} {problem}: repaired")
    return done


def broken(home: Path, error: BaseException) -> FusionError | None:
    """What an error of a database, or of a file beside it, says of an instance in use; None for any other error.

    Args:
        home: of the instance.
        error: that was met while it was in use.
    """
    from sqlalchemy.exc import DBAPIError

    met: BaseException | None = error
    while met is not None:
        ours = isinstance(met, OSError) and str(met.filename or "").startswith(str(home))
        if ours or isinstance(met, sqlite3.Error | DBAPIError):
            break
        met = met.__cause__ or met.__context__
    if met is None:
        return None
    why = str(getattr(met, "orig", None) or met).splitlines()[0]
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in why.lower()), "run `fusion doctor`")
    return FusionError(
        f"the Dagster instance {home} cannot be used any more: {why}",
        "databases that can be read and written",
        f"{remedy}, then start again; what was finished is kept",
    )


def _databases(home: Path) -> dict[Path, MetaData]:
    """Those that are there and in use, each with the tables that it should have."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    folder = databases_folder(home)
    if folder is None:
        return {}
    known = {
        folder / "history" / "runs.db": RunStorageSqlMetadata,
        folder / "history" / "runs" / "index.db": SqlEventLogStorageMetadata,
        folder / "schedules" / "schedules.db": ScheduleStorageSqlMetadata,
    }
    return {path: tables for path, tables in known.items() if path.exists()}


def databases_folder(home: Path) -> Path | None:
    """Where the instance keeps its SQLite databases; None where its dagster.yaml names another storage.

    Raises:
        FusionError: dagster.yaml cannot be read.
    """
    settings = home / "dagster.yaml"
    try:
        told = yaml.safe_load(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FusionError(
            f"{settings} cannot be read: {str(error).splitlines()[0]}",
            "the settings of a Dagster instance, as YAML",
            "correct it, or remove it: `fusion run` writes the project's own",
        ) from None
    chosen = [key for key in _STORAGES if isinstance(told, dict) and told.get(key)]
    if not chosen:
        return home
    sqlite = told["storage"].get("sqlite") if chosen == ["storage"] and isinstance(told["storage"], dict) else None
    base = sqlite.get("base_dir") if isinstance(sqlite, dict) else None
    return Path(base) if isinstance(base, str) else None


def _problem(path: Path, tables: MetaData) -> str:
    """What is wrong with a database, or nothing. One without a version is completed by Dagster when it is opened."""
    with _read(path) as database:
        present = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        versions = _versions(database) if "alembic_version" in present else []
    missing = sorted(set(tables.tables) - present)
    if len(versions) > 1:
        return f"says that it is of {len(versions)} versions, {' and '.join(versions)}"
    return f"has no table {', '.join(missing)}" if versions and missing else ""


def _repair(path: Path, tables: MetaData) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    with _read(path) as database:
        versions = _versions(database)
    history = list(_history())
    newest = next((version for version in history if version in versions), None)
    strange = [version for version in versions if version not in history]
    if newest is None or strange:
        raise FusionError(
            f"{path} of the Dagster instance is of versions that this Dagster does not know: {', '.join(strange)}",
            "a database of this version of Dagster or an earlier one",
            "install the version of Dagster that last opened it, then run `fusion doctor` again",
        )
    try:
        tables.create_all(create_engine(f"sqlite:///{path}", poolclass=NullPool))  # only those that are missing
        with closing(sqlite3.connect(path, timeout=_LOCKED_SECONDS)) as database, database:
            database.execute("DELETE FROM alembic_version WHERE version_num != ?", (newest,))
    except Exception as error:  # of SQLite, by itself or wrapped by SQLAlchemy
        raise FusionError(
            f"{path} of the Dagster instance cannot be repaired: {str(error).splitlines()[0]}",
            "a file that can be written, and that no other process is writing",
            "stop `fusion run` and `fusion ui` on this instance, then run `fusion doctor` again",
        ) from error


def _history() -> Iterator[str]:
    """Versions that this Dagster knows, newest first."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION

    config = Config()
    config.set_main_option("script_location", ALEMBIC_SCRIPTS_LOCATION)
    return (script.revision for script in ScriptDirectory.from_config(config).walk_revisions())


def _versions(database: sqlite3.Connection) -> list[str]:
    return sorted(row[0] for row in database.execute("SELECT version_num FROM alembic_version"))


@contextmanager
def _read(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=_LOCKED_SECONDS, uri=True)) as database:
            yield database
    except sqlite3.Error as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> FusionError:
    if shutil.disk_usage(path.parent).free < _LEAST_FREE:  # SQLite needs some to read, too
        return full(path.parent, "is full", None, "set DAGSTER_HOME to a directory on a larger one")
    return FusionError(
        f"{path} of the Dagster instance cannot be read: {why}",
        "a whole SQLite database that this user may read",
        "if it is locked, stop what uses it; else restore it from a backup, or move it away: a new one is made then, "
        "without the records of earlier runs that it held; maps and all else in the storage are not touched",
    )

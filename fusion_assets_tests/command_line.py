"""The command line in this process, which saves the seconds that a new one imports for: exit code, and what is printed.

What processes of their own promise beside (signals, supervision, a screen without warnings) is tried with such.
"""

import contextlib
import os
import tempfile
import warnings
from dataclasses import dataclass

import pytest

from fusion_assets.cli import main as cli


@dataclass(frozen=True)
class Done:
    """How a command has ended, by the names that `subprocess` gives it."""

    returncode: int
    stdout: str
    stderr: str


def fusion(words, folder, variables):
    """Run a command.

    Args:
        words: of the command line.
        folder: that it is run in.
        variables: of the environment; of the project's and Dagster's there are no others.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
    ):
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith(("FUSION", "DAGSTER"))]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        with _printed(1, contextlib.redirect_stdout, out), _printed(2, contextlib.redirect_stderr, err):
            code = _warning(lambda: cli.main(words), err)
        for file in (out, err):
            file.seek(0)
        return Done(code, out.read(), err.read())


@contextlib.contextmanager
def _printed(number, redirected, file):
    """Whatever is printed, by libraries in C too, goes to a file."""
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        with redirected(file):
            yield
    finally:
        file.flush()
        os.dup2(kept, number)
        os.close(kept)


def _warning(work, file):
    """What work returns; its warnings, which pytest would keep to itself, are printed."""
    with warnings.catch_warnings(record=True) as warned:
        try:
            code = work()
        except SystemExit as exit:  # of a command line that is wrong
            code = exit.code
    for each in warned:
        file.write(warnings.formatwarning(each.message, each.category, each.filename, each.lineno))
    return code

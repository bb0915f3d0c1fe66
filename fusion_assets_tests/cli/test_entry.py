"""The first moments of `fusion`."""

import signal
import subprocess
import sys

import pytest

# A signal comes while the command line is being loaded.
PROGRAM = """
import os, signal, sys
from fusion_assets.cli.entry import main
class Finder:
    def find_spec(self, name, *more):
        if name == "fusion_assets.cli.main":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder())
sys.argv = ["fusion", "status"]
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_at_once_ends_it_without_a_traceback(number):
    command = [sys.executable, "-c", PROGRAM.format(number=int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 128 + number
    assert "Traceback" not in ended.stderr

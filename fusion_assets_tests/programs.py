"""Programs that tests need and Python cannot install."""

import shutil

import pytest


def program(name, package):
    """Path of a program; where it is absent the test is skipped (see `conftest.py`), and says what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} not found; install it with: apt-get install {package}")
    return found

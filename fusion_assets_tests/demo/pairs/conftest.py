"""A world of one place, built once for the tests of a process; nobody changes it."""

import pytest

from fusion_assets.demo import pairs


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Folder of the first place of the first world."""
    return pairs.build(tmp_path_factory.mktemp("pairs") / "world", seed=2, places=1)

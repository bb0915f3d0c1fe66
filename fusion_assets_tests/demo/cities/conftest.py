"""Four cities, built once for the tests of a process; nobody changes them."""

import pytest

from fusion_assets.demo import cities


@pytest.fixture(scope="session")
def exam(tmp_path_factory):
    """Folder of an exam of four cities without wrong labels."""
    return cities.build(tmp_path_factory.mktemp("cities") / "exam", seed=3, cities=4, noise=False)

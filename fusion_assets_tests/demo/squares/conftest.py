"""One square, built once for the tests of a process; nobody changes it."""

import pytest

from fusion_assets_tests.demo.squares.square_archive import one_square


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """catalog.json of an archive of the reserved square."""
    return one_square(tmp_path_factory.mktemp("square"))

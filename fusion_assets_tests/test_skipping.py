"""What the suite itself promises: under FUSION_REQUIRE_REAL=1 a skipped test is a failed one."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SKIPS = {
    "test_itself": "import pytest\ndef test_a(): pytest.skip('reason')",
    "test_no_parameters": "import pytest\n@pytest.mark.parametrize('x', [])\ndef test_a(x): pass",
    "test_whole_file": "import pytest\npytest.importorskip('no_such_package')\ndef test_a(): pass",
}


@pytest.mark.parametrize(("insist", "told"), [("1", "1 failed, 2 errors in"), ("0", "3 skipped in")])
def test_nothing_is_skipped_where_that_is_insisted_on(insist, told, tmp_path):
    for name, text in SKIPS.items():
        (tmp_path / f"{name}.py").write_text(text)
    options = ("-p", "fusion_assets_tests.conftest", "--continue-on-collection-errors", "-p", "no:cacheprovider")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        env={**os.environ, "FUSION_REQUIRE_REAL": insist}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told in run.stdout, run.stdout

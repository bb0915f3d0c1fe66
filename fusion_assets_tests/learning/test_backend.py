"""TensorFlow in a process whose standard error and logging belong to others."""

import subprocess
import sys

import pytest

IMPORTED_WHILE_STANDARD_ERROR_IS_ANOTHER = """
import io, logging.config, sys
from fusion_assets.learning.backend import tensorflow
sys.stderr = somebody_s = io.StringIO()
tensorflow()
sys.stderr = sys.__stderr__
logging.config.dictConfig({"version": 1})
somebody_s.write("still open")
"""


@pytest.mark.slow
def test_configuring_logging_closes_nobody_s_stream():
    command = [sys.executable, "-c", IMPORTED_WHILE_STANDARD_ERROR_IS_ANOTHER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

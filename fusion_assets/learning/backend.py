"""TensorFlow and Keras, imported when first needed, quiet and deterministic.

Import them through these functions only: the first import decides the back end, and prints to the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def tensorflow() -> Any:
    """TensorFlow with deterministic kernels: same inputs, same bits, on one machine."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        with _silent():
            import tensorflow as tf
        _keep_streams()
    else:
        import tensorflow as tf
    tf.config.experimental.enable_op_determinism()
    return tf


def keras() -> Any:
    """Keras on TensorFlow."""
    tensorflow()
    import keras as module

    return module


def _keep_streams() -> None:
    """Have TensorFlow's log handler write to the process's own standard error.

    Whoever configures logging later, as Dagster does for a run, closes all handlers; this one closes its stream with
    it, unless it is the process's own. A stream that somebody had put in its place would be closed under their hands.
    """
    from absl import logging

    logging.get_absl_handler().python_handler.stream = sys.__stderr__


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what native code writes to standard error meanwhile: its log level does not yet apply during import."""
    try:
        kept = os.dup(2)
    except OSError:  # a process without a standard error has nothing to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

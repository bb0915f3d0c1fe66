"""Where `fusion` begins: SIGINT and SIGTERM wait until the command line has been loaded, and end it then."""

from __future__ import annotations

import signal


def main() -> int:
    """Run one command and return its exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    from fusion_assets.cli.main import main as command_line

    return command_line()  # which lets them through, once it knows what to do about them

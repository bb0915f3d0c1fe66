"""Dagster's web server behind the guard: `python -m fusion_assets.cli.web_server WORKSPACE SOCKET PARENT`.

`fusion ui` starts it, with a file that says where the code server is, and a socket that is bound already.
"""

from __future__ import annotations

import socket
import sys
import warnings

from fusion_assets.cli.guard import Guard
from fusion_assets.cli.interruption import end_with_parent

# As Dagster's own command has them.
_POLL_MILLISECONDS = 2000
_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW = 15_000, 3600, 20
_GOODBYE_SECONDS = 2
"""How long connections have to end; browsers keep theirs."""


def serve(workspace: str, bound: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    import dagster as dg
    import uvicorn
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._utils.log import configure_loggers
    from dagster_webserver.version import __version__
    from dagster_webserver.webserver import DagsterWebserver

    for category in (dg.PreviewWarning, dg.BetaWarning):
        warnings.filterwarnings("ignore", category=category)
    configure_loggers()
    port = bound.getsockname()[1]
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW)
        target = WorkspaceFileTarget(paths=[workspace])
        with WorkspaceProcessContext(instance, target, version=__version__) as context:
            app = DagsterWebserver(context, live_data_poll_rate=_POLL_MILLISECONDS).create_asgi_app()
            config = uvicorn.Config(
                Guard(app, port),
                log_level="warning",
                lifespan="off",
                proxy_headers=False,
                timeout_graceful_shutdown=_GOODBYE_SECONDS,
            )
            print(f"the web UI is at http://127.0.0.1:{port}", flush=True)
            uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    end_with_parent(int(sys.argv[3]))
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))

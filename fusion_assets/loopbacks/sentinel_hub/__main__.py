"""Serve an archive by hand: `python -m fusion_assets.loopbacks.sentinel_hub CATALOG [--prefix S] [--port N]`.

The client then needs what this prints. OAUTHLIB_INSECURE_TRANSPORT lets it sign in without TLS, on this machine only.
"""

from __future__ import annotations

import argparse
import contextlib
import time

from fusion_assets.loopbacks.sentinel_hub.service import SentinelHubService


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m fusion_assets.loopbacks.sentinel_hub")
    parser.add_argument("catalog", help="path of catalog.json")
    parser.add_argument("--prefix", default="", help="serve only items whose id begins so")
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    with SentinelHubService(chosen.catalog, prefix=chosen.prefix, port=chosen.port) as service:
        print(f"export SH_BASE_URL={service.url} SH_TOKEN_URL={service.token_url}")
        print("export SH_CLIENT_ID=id SH_CLIENT_SECRET=secret OAUTHLIB_INSECURE_TRANSPORT=1", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()

"""A person who may use the service: credentials in the environment."""

from __future__ import annotations

import pytest

from fusion_assets.loopbacks.sentinel_hub.service import SentinelHubService


def signed_up(service: SentinelHubService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the engine reads."""
    variables = {
        "SH_BASE_URL": service.url, "SH_TOKEN_URL": service.token_url, "SH_CLIENT_ID": service.client[0],
        "SH_CLIENT_SECRET": service.client[1], "OAUTHLIB_INSECURE_TRANSPORT": "1",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("fusion_assets.imagery.engines.sentinel_hub.connection._clients", {})

"""A person who may use the service: credentials in the environment."""

from __future__ import annotations

import pytest

from fusion_assets.loopbacks.sentinel_hub import SentinelHubService


def signed_up(service: SentinelHubService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the engine reads."""
    for name, value in service.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("fusion_assets.imagery.engines.sentinel_hub.connection._clients", {})

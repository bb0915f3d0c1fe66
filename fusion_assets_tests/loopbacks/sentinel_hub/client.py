"""A person who may use the service: credentials in the environment, and no long waits between attempts."""

from __future__ import annotations

import importlib

import pytest

from fusion_assets.loopbacks.sentinel_hub import SentinelHubService


def signed_up(service: SentinelHubService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the engine reads."""
    for name, value in service.variables.items():
        monkeypatch.setenv(name, value)
    client = importlib.import_module("fusion_assets.imagery.engines.sentinel_hub.client")
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(client, "SECONDS_BETWEEN_REQUESTS", 0.0005)
    monkeypatch.setattr("fusion_assets.imagery.engines.sentinel_hub.connection._clients", {})

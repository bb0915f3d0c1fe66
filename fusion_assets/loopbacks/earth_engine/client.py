"""Connecting the real client to the service, in tests."""

from __future__ import annotations

from fusion_assets.loopbacks.earth_engine.discovery import DEPRECATED


def connect(url: str, project: str = "demo") -> None:
    """Initialise `ee` without credentials; the list of deprecated assets is the service's, not the web's."""
    import ee
    from google.auth.credentials import AnonymousCredentials

    ee.deprecation._DEPRECATED_ASSETS_URL = url + DEPRECATED
    ee.Initialize(credentials=AnonymousCredentials(), url=url, project=project)

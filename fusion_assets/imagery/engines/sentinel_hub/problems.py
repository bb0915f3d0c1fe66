"""What errors of Sentinel Hub mean and what to do about them, in words without secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.services import ODD, TRANSIENT_CODES, service_error, undocumented

if TYPE_CHECKING:
    from sentinelhub import SentinelHubDownloadClient

# Part of a message (lower case) -> what to do about it.
_REMEDIES = {
    "processing units": "wait until the account's units are renewed, or ask for more in the service's dashboard",
    "hours only": "wait until the account's quota is renewed, or ask for more in the service's dashboard",
    "rate limit": "try again later, or with fewer requests at once",
    "crs": "choose a grid in the UTM zone of the region",
    "401": "check that the OAuth client belongs to this deployment: SH_BASE_URL, SH_TOKEN_URL",
    "403": "check in the service's dashboard what the account may use",
    "not found": "check SH_BASE_URL",
}


def status_of(error: BaseException) -> int | None:
    """HTTP status behind an error of the client, where there is one."""
    behind = getattr(error, "request_exception", None) or error
    response = getattr(behind, "response", None)
    return None if response is None else int(response.status_code)


def sentinel_hub_error(error: BaseException, about: str, client: SentinelHubDownloadClient) -> FusionError:
    """An error of the client in our form: the service's own message and what to do, even if it repeats secrets.

    Args:
        error: of the `sentinelhub` package.
        about: what was asked, in words.
        client: who asked; its secrets are taken out.
    """
    status = status_of(error)
    if status is None and isinstance(error, ODD) and not isinstance(error, OSError):
        return undocumented(about, "Sentinel Hub", error)
    text = f"status {status}: {_message(error)}" if status else _in_words(error)
    for secret in _secrets(client):
        if len(secret) > 3:
            text = text.replace(secret, "***")
    return service_error(f"{about}: Sentinel Hub", text, _transient(error, status, text), _REMEDIES)


def _transient(error: BaseException, status: int | None, text: str) -> bool:
    """Whether the same request may succeed a little later; what is said of quotas is renewed in hours or weeks only."""
    if any(part in text.lower() for part in ("processing units", "hours only")):
        return False
    if status is not None:
        return status in TRANSIENT_CODES
    return getattr(error, "request_exception", None) is not None or type(error).__name__ == "OutOfRequestsException"


def _message(error: BaseException) -> str:
    behind: Any = getattr(error, "request_exception", None) or error
    response = behind.response
    try:
        content = json.loads(response.content)["error"]
        said = content["message"] if isinstance(content, dict) else content
        return said[:300] if isinstance(said, str) else str(response.reason)
    except ODD:
        return str(response.reason)


def _in_words(error: BaseException) -> str:
    name = type(error).__name__
    if name == "OutOfRequestsException":
        said = str(error)
        return said if "hours only" in said else "the rate limit lets no request in"
    behind = getattr(error, "request_exception", None)
    return "it cannot be reached, or hangs up" if behind is not None else f"an answer it does not document ({name})"


def _secrets(client: SentinelHubDownloadClient) -> list[str]:
    config = client.config
    session: Any = client.session
    return [config.sh_client_secret, str(session._token.get("access_token", "")), config.sh_client_id]

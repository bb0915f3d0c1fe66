"""Signing in to Earth Engine and asking it politely: credentials, retries, and errors without secrets."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.services import (
    ODD,
    TRANSIENT_CODES,
    check_address,
    documented,
    is_local,
    package_version,
    service_error,
    undocumented,
)
from fusion_assets.imagery.retries import ANSWER_SECONDS, COMPUTED_SECONDS, RetryPolicy, bounded, deadline
from fusion_assets.redaction import public_url

SERVICE = "Earth Engine"
PUBLIC_ENDPOINT = "https://earthengine.googleapis.com"
RETRIES = RetryPolicy(attempts=6, hasty_attempts=3, patience=2 * COMPUTED_SECONDS)
REQUESTS_AT_ONCE = 40
"""Earth Engine's limit of requests that one project computes at the same time."""
_TRANSIENT_TEXTS = ("too many", "internal error", "unavailable", "retry later", "rate limit", "deadline exceeded")
_MOST_WORDS = 500
_LOCK = threading.Lock()
_SLOTS = threading.BoundedSemaphore(REQUESTS_AT_ONCE)
_connected: list[Connection] = []
_T = TypeVar("_T")
# Part of a message (lower case) -> what to do about it.
_REMEDIES = {
    "quota": "wait for the quota to be renewed, or ask for more at https://code.earthengine.google.com",
    "memory": "split the region, or set FUSION_EE_BUCKET so that it is computed by a task",
    "timed out": "set FUSION_EE_BUCKET so that it is computed by a task, or split the region",
    "has not been used": "enable the Earth Engine API of the project EE_PROJECT",
    "disabled": "enable the Earth Engine API of the project EE_PROJECT",
    "permission": "give the account the roles Earth Engine Resource Writer and Service Usage Consumer in EE_PROJECT",
    "access denied": "give the account the roles Earth Engine Resource Writer and Service Usage Consumer in EE_PROJECT",
    "credentials": "run `earthengine authenticate`, or point GOOGLE_APPLICATION_CREDENTIALS at a key file",
    "did not match any bands": "choose bands that the collection has",
    "not registered": "register the project EE_PROJECT at https://console.cloud.google.com/earth-engine",
    "not found": "check the id, and that the account may read it",
}


@dataclass(frozen=True)
class Connection:
    """Which project and endpoint to talk to; holds no credential, so it may be sent to workers and printed.

    Attributes:
        project: Google Cloud project that is billed (EE_PROJECT); empty takes the credential's own.
        url: endpoint (EE_URL); empty is the public one.
        workload_tag: under which Earth Engine books the cost of every request and task; empty for none.
    """

    project: str = ""
    url: str = ""
    workload_tag: str = ""

    @property
    def place(self) -> str:
        """Who is asked, in words."""
        return f"{SERVICE} at {public_url(self.url or PUBLIC_ENDPOINT)}"

    def open(self) -> None:
        """Sign in, once for each process.

        Raises:
            FusionError: no package, no credentials, or Earth Engine does not let them in.
        """
        with _LOCK:
            if _connected == [self] and _is_initialized():
                return
            _patiently(lambda: _soon(lambda: _initialize(self), f"{self.place} (signing in)"), "signing in")
            _connected[:] = [self]

    def ask(self, request: Callable[[], _T], about: str) -> _T:
        """Answer of one request, asked again with growing pauses while Earth Engine is busy or not reachable.

        Args:
            request: calls the client.
            about: what for, in words; begins the error.

        Raises:
            Unreachable: still busy, silent or away after several attempts.
            FusionError: refused, or an answer that it does not document.
        """
        self.open()

        def with_slot() -> _T:
            with _SLOTS, deadline(COMPUTED_SECONDS):
                return bounded(request, f"{self.place} ({about})")

        return _patiently(with_slot, about)


def sign_out() -> None:
    """Forget who is signed in: the next request signs in anew."""
    _connected.clear()


def read(work: Callable[[], _T], about: str) -> _T:
    """See `services.documented`."""
    return documented(work, about, SERVICE)


def _soon(work: Callable[[], _T], whom: str) -> _T:
    with deadline(ANSWER_SECONDS):
        return bounded(work, whom)


def _patiently(work: Callable[[], _T], about: str) -> _T:
    def attempt() -> _T:
        try:
            return bounded(work)
        except FusionError:
            raise
        except Exception as error:
            problem = earth_engine_error(error, about)
        raise problem

    return RETRIES.ask(attempt)


def status_of(error: BaseException) -> int | None:
    """HTTP status behind an error of the client, where there is one."""
    response = getattr(error.__context__, "resp", None) or getattr(error, "resp", None)
    return None if response is None else int(response.status)


def transient(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    status = status_of(error)
    if status is not None:
        daily = "EECU" in str(error)
        return status in TRANSIENT_CODES and not daily
    if isinstance(error, ConnectionError | TimeoutError) or type(error).__name__ == "TransportError":
        return True
    if getattr(error, "retryable", False):  # of google.auth: no token, because of the network or of a busy server
        return True
    return type(error).__name__ == "EEException" and any(text in str(error).lower() for text in _TRANSIENT_TEXTS)


def earth_engine_error(error: BaseException, about: str) -> FusionError:
    """An error of the client in our form: Earth Engine's own message and what to do."""
    if isinstance(error, ODD) and not isinstance(error, OSError) and not type(error).__module__.startswith("google"):
        return undocumented(about, SERVICE, error)
    # Errors of the sign-in may quote the server's whole answer; only those of Earth Engine itself are shown.
    spoken = type(error).__name__ in ("EEException", "HttpError")
    # A page instead of an answer is not Earth Engine's word, but that of something on the way.
    text = " ".join(str(error).split()).partition('Details: "<')[0][:_MOST_WORDS] if spoken else type(error).__name__
    if isinstance(error, TimeoutError):
        text = "nothing in the time there was"
    if type(error).__module__.startswith("google.auth"):
        text = f"the credentials were not accepted ({type(error).__name__})"
    return service_error(f"{about}: Earth Engine says", text, transient(error), _REMEDIES)


def _is_initialized() -> bool:
    import ee

    return bool(ee.data.is_initialized())


def _initialize(connection: Connection) -> None:
    package_version("earthengine-api", "FUSION_ENGINE=earth_engine", "earth-engine")
    import ee

    from fusion_assets.imagery.engines.earth_engine.transport import Transport

    credentials = credentials_for(connection.url)
    # Retrying is done here, where it is bounded and where dropped answers count as well.
    ee.data.setMaxRetries(0)
    try:
        ee.Initialize(
            credentials=credentials,
            project=connection.project or None,
            url=connection.url or None,
            http_transport=Transport(COMPUTED_SECONDS),
        )
        ee.data.setDefaultWorkloadTag(connection.workload_tag)
        return
    except ee.EEException as error:
        if "no project found" not in str(error):
            raise
    raise FusionError("no Google Cloud project", "the project to be billed", "set EE_PROJECT")


def credentials_for(url: str) -> Any:
    """A key file, what `earthengine authenticate` stored, or application default credentials, in this order."""
    import ee
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    check_address("EE_URL", url)
    if is_local(url):
        return AnonymousCredentials()  # never send a credential to a stand-in
    remedy = (
        "run `earthengine authenticate`, or `gcloud auth application-default login`, or point "
        "GOOGLE_APPLICATION_CREDENTIALS at the key file of a service account"
    )
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        try:
            path = os.environ["GOOGLE_APPLICATION_CREDENTIALS"]
            return google.auth.load_credentials_from_file(path, scopes=ee.oauth.SCOPES)[0]
        except Exception as error:
            kind = type(error).__name__
        raise FusionError(
            f"the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be used ({kind})",
            "the JSON key file of a service account",
            "correct GOOGLE_APPLICATION_CREDENTIALS, or unset it and " + remedy,
        )
    try:
        return ee.data.get_persistent_credentials()
    except ee.EEException:
        problem = "there are no credentials for Earth Engine"
    except Exception as error:
        # The client tries them out before it hands them over.
        problem = f"the credentials for Earth Engine could not be checked ({type(error).__name__})"
    raise FusionError(problem, "the credentials of an account that may use it", remedy)


def stored_sign_in() -> Any:
    """What `earthengine authenticate` has stored, not tried out; None where there is nothing or a key file is named."""
    import ee

    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return None
    try:
        stored = ee.oauth.get_credentials_arguments()
    except (OSError, ValueError):
        return None
    return _user(json.dumps(stored, sort_keys=True)) if stored.get("refresh_token") else None


@functools.lru_cache(maxsize=1)
def _user(stored: str) -> Any:
    """One object for the same sign-in, so that its token is asked for once."""
    from google.oauth2.credentials import Credentials

    return Credentials(None, **json.loads(stored))

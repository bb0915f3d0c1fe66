"""The `sentinelhub` package's own client, where it needs bounds, renewal and a lock.

Every class here changes one thing about its parent and says why. Importing this needs the package.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import warnings
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session
from sentinelhub import DownloadRequest, SentinelHubDownloadClient, SentinelHubSession, SHConfig
from sentinelhub.constants import SHConstants
from sentinelhub.download.handlers import fail_user_errors, retry_temporary_errors
from sentinelhub.exceptions import DownloadFailedException, OutOfRequestsException, SHRateLimitWarning

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.answers import limited
from fusion_assets.imagery.engines.sentinel_hub.pace import Pace
from fusion_assets.imagery.engines.sentinel_hub.problems import status_of
from fusion_assets.imagery.engines.services import TRANSIENT_CODES
from fusion_assets.imagery.retries import bounded, deadline
from fusion_assets.redaction import public_url

_LOGGER = logging.getLogger(__name__)
# What a token endpoint may say (RFC 6749); anything else that it says is not shown.
_REFUSALS = ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope")
# They log credentials and tokens at DEBUG.
for _name in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.INFO)
# Being asked to wait is part of the protocol.
warnings.filterwarnings("ignore", category=SHRateLimitWarning)


def configuration(url: str, token_url: str, pace: Pace, client_id: str, client_secret: str) -> SHConfig:
    """Settings that are neither read from disk nor written there.

    Without `use_defaults`, the package writes a config.toml where there is none, and takes credentials from it.
    """
    return SHConfig(
        use_defaults=True,
        sh_base_url=url,
        sh_token_url=token_url,
        sh_client_id=client_id,
        sh_client_secret=client_secret,
        max_download_attempts=pace.retries.attempts,
        download_sleep_time=pace.retries.pause,
        download_timeout_seconds=pace.request_seconds,
        max_retries=pace.most_refusals,
    )


class Busy(Unreachable):
    """No token, for a reason that passes and that the parent has not asked again for by itself."""


class Session(SentinelHubSession):
    """A session that neither waits for a token for ever nor reads without end; the parent does, and retries no 429."""

    def __init__(self, config: SHConfig, pace: Pace) -> None:
        self._pace = pace
        super().__init__(config)

    def _collect_new_token(self) -> dict[str, Any]:
        """Ask for a token.

        Raises:
            FusionError: refused, or no answer.
        """
        collect = super()._collect_new_token

        def attempt() -> dict[str, Any]:
            try:
                with deadline(self._pace.token_seconds):
                    return _checked(bounded(collect, f"a token of {public_url(self.config.sh_token_url)}"))
            except FusionError:
                raise
            except TimeoutError:
                problem = _no_token(f"TimeoutError after {self._pace.token_seconds:g} s", self.config, Unreachable)
            except OAuth2Error as error:
                problem = _refused(str(error.error), self.config)
            except (requests.RequestException, DownloadFailedException) as error:
                status = status_of(error)
                kind = Unreachable if status is None or status in TRANSIENT_CODES else FusionError
                what = f"{type(error).__name__}{f', status {status}' if status else ''}"
                problem = _no_token(what, self.config, Busy if status == requests.codes.too_many_requests else kind)
            except Exception as error:
                problem = _no_token(type(error).__name__, self.config)
            # Not inside the handler: the client's errors carry the request, and that carries the secret.
            raise problem

        return self._pace.retries.ask(attempt, again=lambda error: isinstance(error, Busy))

    @retry_temporary_errors
    @fail_user_errors
    def _fetch_token(self, request: DownloadRequest) -> dict[str, Any]:
        """Ask once, as the parent does, with a session that has limits."""
        _LOGGER.debug("asking %s for the token of a new session", public_url(str(request.url)))
        kind = BackendApplicationClient(client_id=self.config.sh_client_id)
        with OAuth2Session(client=kind) as web:
            limited(web, self._pace.token_seconds, self._pace.most_bytes)
            web.register_compliance_hook("access_token_response", self._compliance_hook)
            return web.fetch_token(
                request.url,
                client_id=self.config.sh_client_id,
                client_secret=self.config.sh_client_secret,
                headers={**self.DEFAULT_HEADERS, **SHConstants.HEADERS},
                include_client_id=True,
            )


class Client(SentinelHubDownloadClient):
    """A client that many threads share, that renews a refused token once, and that does not wait for ever.

    Args:
        config: see `configuration`.
        pace: how much is asked.

    Raises:
        FusionError: the credentials are refused.
    """

    def __init__(self, config: SHConfig, pace: Pace) -> None:
        super().__init__(session=Session(config, pace), config=config)
        self._pace, self._lock = pace, threading.RLock()
        self._slots = threading.BoundedSemaphore(pace.at_once)
        self.rate_limit.wait_time = pace.between_requests
        self._slowed_until = 0.0

    def _execute_thread_safe(self, thread_unsafe_function: Any, *args: Any, **kwargs: Any) -> Any:
        """Take one lasting lock: the parent's is replaced, and dropped, by every call of `download`."""
        with self._lock:
            return thread_unsafe_function(*args, **kwargs)

    def _do_download(self, request: DownloadRequest) -> requests.Response:
        """Send once; a second time with a new token if the first is not valid any more, which the parent does not."""
        session = self.session
        response = self._send(request)
        if response.status_code == requests.codes.unauthorized and request.use_session:
            with self._lock:
                if self.session is session:  # no other thread has renewed it meanwhile
                    self.session = Session(self.config, self._pace)
            response = self._send(request)
        if response.status_code == requests.codes.too_many_requests:
            # The parent reads this header as a whole number of milliseconds, and fails on anything else.
            response.headers["Retry-After"] = str(self._slow_down(response.headers.get("Retry-After")))
        elif response.ok:
            with self._lock:
                faster = self.rate_limit.wait_time * 0.95
                self.rate_limit.wait_time = max(faster, self._pace.between_requests)
        return response

    def _send(self, request: DownloadRequest) -> requests.Response:
        try:
            with self._slots, deadline(self._pace.request_seconds):
                return bounded(lambda: self._sent(request))
        except TimeoutError:
            pass
        # An error that the parent knows as one that passes; its own limit is for the time between two pieces.
        raise requests.Timeout("no answer in time")

    def _sent(self, request: DownloadRequest) -> requests.Response:
        """Send as the parent does, with a session that has limits."""
        with limited(requests.Session(), self._pace.request_seconds, self._pace.most_bytes) as web:
            return web.request(
                request.request_type.value,
                url=str(request.url),
                json=request.post_values,
                headers=self._prepare_headers(request),
            )

    def _slow_down(self, header: str | None) -> int:
        """Milliseconds to wait before the next request of any thread; spaces out those that follow.

        Raises:
            OutOfRequestsException: it would be too long.
        """
        wait = _retry_after(header, self._pace.retries.pause)
        if wait > self._pace.longest_wait:
            raise OutOfRequestsException(f"the next request is let in after {wait / 3600:.1f} hours only")
        with self._lock:
            now = time.monotonic()
            if now >= self._slowed_until:  # once for all requests that were under way together
                doubled = self.rate_limit.wait_time * 2
                self.rate_limit.wait_time = min(doubled, self._pace.slowest_between)
                self._slowed_until = now + wait
        return max(1, round(wait * 1000))


def _retry_after(header: str | None, usual: float) -> float:
    """Seconds that a Retry-After header asks for: milliseconds at Sentinel Hub, elsewhere perhaps a date."""
    if header is None:
        return usual
    try:
        seconds = float(header) / 1000
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return usual
    return usual if math.isnan(seconds) else max(seconds, 0.0)


def _checked(token: Any) -> dict[str, Any]:
    """A token that requests can bear, and that says how long."""
    if isinstance(token["access_token"], str) and math.isfinite(token["expires_at"]):
        return token
    raise ValueError("no token")


def _refused(code: str, config: SHConfig) -> FusionError:
    if code == "insecure_transport":
        return FusionError(
            f"the token address {public_url(config.sh_token_url)} is not https",
            "an https address; credentials are not sent in clear",
            "correct SH_TOKEN_URL",
        )
    if code not in _REFUSALS:
        # Codes of its own, such as for 429, arrive without their status.
        return _no_token("an answer it does not document", config, Busy)
    return FusionError(
        f"signing in to Sentinel Hub: {public_url(config.sh_token_url)} refuses the credentials ({code})",
        "the OAuth client of an account there",
        "check SH_CLIENT_ID and SH_CLIENT_SECRET, and that the client has not expired; for other deployments "
        "SH_BASE_URL and SH_TOKEN_URL",
    )


def _no_token(what: str, config: SHConfig, kind: type[FusionError] = FusionError) -> FusionError:
    return kind(
        f"signing in to Sentinel Hub: {public_url(config.sh_token_url)} gave no token ({what})",
        "a token",
        "try again later; check the network, the proxy settings and SH_TOKEN_URL",
    )

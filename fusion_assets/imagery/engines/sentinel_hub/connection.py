"""Where Sentinel Hub is and who asks; what asks again, and how often.

Credentials are those of an OAuth client and come from the environment: SH_CLIENT_ID and SH_CLIENT_SECRET. They are
read where a request is made and are kept in no object that is sent, printed or stored. SH_BASE_URL and SH_TOKEN_URL
choose another deployment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.engines.sentinel_hub.pace import Pace
from fusion_assets.imagery.engines.sentinel_hub.problems import sentinel_hub_error
from fusion_assets.imagery.engines.services import (
    Undocumented,
    check_address,
    documented,
    package_version,
    within,
)
from fusion_assets.imagery.heartbeat import waiting_for
from fusion_assets.imagery.retries import deadline, remaining
from fusion_assets.redaction import public_url

if TYPE_CHECKING:
    from sentinelhub import DownloadRequest

    from fusion_assets.imagery.engines.sentinel_hub.client import Client

PUBLIC_URL = "https://services.sentinel-hub.com"
TOKEN_URLS = {
    PUBLIC_URL: f"{PUBLIC_URL}/auth/realms/main/protocol/openid-connect/token",
    "https://services-uswest2.sentinel-hub.com": f"{PUBLIC_URL}/auth/realms/main/protocol/openid-connect/token",
    "https://sh.dataspace.copernicus.eu": "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/"
    "openid-connect/token",
}
"""Where the deployments that are known hand out tokens."""
_PACKAGE = ("sentinelhub", "Sentinel Hub", "sentinel-hub")
_LOCK = threading.Lock()
_clients: dict[tuple[Connection, str, str], Client] = {}
_T = TypeVar("_T")


class PartialAnswer(Exception):
    """An answer that is not whole: what is wrong with it."""


@dataclass(frozen=True)
class Connection:
    """Which deployment to talk to; holds no credential, so it may be sent to workers and printed.

    Attributes:
        url: base address of the service.
        token_url: where it hands out tokens.
        pace: how much is asked of it.

    Raises:
        FusionError: an address to which credentials must not be sent.
    """

    url: str = PUBLIC_URL
    token_url: str = TOKEN_URLS[PUBLIC_URL]
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        """Refuse addresses without TLS and such that carry a login."""
        for name, address in (("SH_BASE_URL", self.url), ("SH_TOKEN_URL", self.token_url)):
            check_address(name, address)
            parts = urlsplit(address)
            if parts.username or parts.password or parts.query:
                raise FusionError(
                    f"{name} carries a login or a query", "a plain address", "use SH_CLIENT_ID and SH_CLIENT_SECRET"
                )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Connection:
        """The deployment that SH_BASE_URL and SH_TOKEN_URL name; the public one where they are unset.

        Raises:
            FusionError: SH_BASE_URL names a deployment whose token address is not known, and SH_TOKEN_URL is unset.
        """
        url = (environment.get("SH_BASE_URL") or PUBLIC_URL).rstrip("/")
        token_url = environment.get("SH_TOKEN_URL") or TOKEN_URLS.get(url, "")
        if not token_url:
            # Never the public one's: credentials of one deployment are no other's business.
            raise FusionError(
                f"SH_BASE_URL is {public_url(url)}, and it is not known where that deployment hands out tokens",
                f"SH_TOKEN_URL beside it, or one of {', '.join(TOKEN_URLS)}",
                "set SH_TOKEN_URL",
            )
        return cls(url, token_url)

    def client(self) -> Client:
        """The client of this process for these credentials, signed in.

        Raises:
            FusionError: no package, no credentials, or they are refused.
        """
        client_id, secret = credentials()
        package_version(*_PACKAGE)
        from fusion_assets.imagery.engines.sentinel_hub.client import Client, configuration

        key = (self, client_id, secret)
        with _LOCK:
            if key not in _clients:
                _clients[key] = Client(configuration(self.url, self.token_url, self.pace, client_id, secret), self.pace)
            return _clients[key]

    def ask(self, work: Callable[[Client], _T], about: str) -> _T:
        """What the client answers; it asks again by itself while the service is busy or fails, within bounds.

        Args:
            work: calls the client.
            about: what for, in words; begins the error.

        Raises:
            FusionError: refused, or still failing after several attempts.
        """
        client = self.client()
        try:
            with waiting_for(f"Sentinel Hub at {public_url(self.url)} ({about})"):
                return work(client)
        except FusionError:
            raise
        except Exception as error:
            problem = sentinel_hub_error(error, about, client)
        # Not inside the handler: the client's errors carry the request, and that carries the token.
        raise problem

    def fetch(self, request: DownloadRequest, about: str, read: Callable[[bytes], _T]) -> _T:
        """What `read` makes of the answer to a request, which is asked again while it is not whole.

        Args:
            request: what to send.
            about: what for, in words; begins the error.
            read: decodes the body; raises `PartialAnswer` where something is missing.

        Raises:
            FusionError: refused, failing, or never whole.
        """

        def attempt() -> _T:
            return read(self.ask(lambda c: c.download([request], max_threads=1, decode_data=False)[0].content, about))

        try:
            return self.pace.partial_retries.ask(attempt, again=lambda error: isinstance(error, PartialAnswer))
        except PartialAnswer as error:
            wrong = str(error)
        raise FusionError(
            f"{about}: Sentinel Hub's answer is not whole, {self.pace.partial_retries.attempts} times over: {wrong}",
            "every pixel and band that was asked for",
            "try again later; if it stays so, ask for smaller tiles",
        )

    def search(
        self, collection: str, bbox: tuple[float, float, float, float], interval: tuple[str, str], condition: str = ""
    ) -> list[dict[str, Any]]:
        """STAC features of a collection, in no order.

        Args:
            collection: its id in the service's catalog.
            bbox: west, south, east, north in degrees.
            interval: first and last moment, ISO 8601.
            condition: CQL2 text.

        Raises:
            FusionError: refused, failing, or more scenes than the pace allows.
        """
        about = f"searching {collection} from {interval[0]} to {interval[1]}"
        with deadline(self.pace.search_seconds):
            return self.ask(lambda client: self._features(client, collection, bbox, interval, condition, about), about)

    def _features(
        self,
        client: Client,
        collection: str,
        bbox: tuple[float, float, float, float],
        interval: tuple[str, str],
        condition: str,
        about: str,
    ) -> list[dict[str, Any]]:
        from sentinelhub import CRS, BBox, SentinelHubCatalog

        catalog = SentinelHubCatalog(config=client.config)
        where = BBox(bbox, crs=CRS.WGS84)
        # Not asked by itself: it would sign in again, wait without bounds, and turn in circles.
        first = catalog.search(collection, bbox=where, time=interval, filter=condition or None)
        scenes: list[dict[str, Any]] = []
        place: Any = None
        read: list[Any] = []
        while not read or place is not None:
            if place in read:
                raise Undocumented("its next page is one that was read already")
            if remaining() <= 0:
                raise Unreachable(f"{about}: Sentinel Hub takes more than {self.pace.search_seconds:g} s", "an answer")
            read.append(place)
            values = {**first.params, **({} if place is None else {"next": place})}
            found, place = _page(client.get_json_dict(first.url, post_values=values, use_session=True))
            scenes += found
            if len(scenes) > self.pace.most_scenes:
                most = self.pace.most_scenes
                raise FusionError(f"{about}: more than {most} scenes", f"at most {most}", "split the region")
        return scenes


def _page(answer: dict[str, Any]) -> tuple[list[dict[str, Any]], str | int | None]:
    """Features of a page of a search, and where the next one begins.

    Raises:
        Undocumented: it is no page.
    """
    features, place = answer["features"], answer["context"].get("next")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise Undocumented("a page without a list of scenes")
    if type(place) not in (str, int, type(None)):
        raise Undocumented("a page that does not say what follows it")
    return features, place if features else None


def credentials(environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Id and secret of the OAuth client.

    Raises:
        FusionError: one is missing; says which.
    """
    names = ("SH_CLIENT_ID", "SH_CLIENT_SECRET")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise FusionError(
            f"no credentials for Sentinel Hub: {' and '.join(missing)} not set",
            "the id and the secret of an OAuth client",
            "create one in the service's dashboard (user settings, OAuth clients), and set both variables",
        )
    return environment["SH_CLIENT_ID"], environment["SH_CLIENT_SECRET"]


def check(connection: Connection | None = None) -> str:
    """Look at package, credentials, sign-in and collections; answered within `Pace.check_seconds`.

    Returns:
        What was found, in words without secrets.

    Raises:
        FusionError: the first thing that is missing, and what to do.
    """
    chosen = connection or Connection.from_environment()
    credentials()
    version = package_version(*_PACKAGE)

    def look() -> str:
        path, about = f"{chosen.url}/api/v1/catalog/1.0.0/collections", ("listing collections", "Sentinel Hub")
        listing = chosen.ask(lambda client: client.get_json_dict(path, use_session=True), about[0])
        ids = documented(lambda: {collection["id"] for collection in listing.get("collections", [])}, *about)
        missing = {"sentinel-2-l2a", "sentinel-1-grd"} - ids
        if missing:
            raise FusionError(
                f"{chosen.url} has no collection {', '.join(sorted(missing))}",
                "Sentinel-1 GRD and Sentinel-2 L2A",
                "choose another deployment by SH_BASE_URL",
            )
        return f"{chosen.url} lets the OAuth client in and has both collections (sentinelhub {version})"

    return within(look, chosen.url, chosen.pace.check_seconds, "check the network and SH_BASE_URL")

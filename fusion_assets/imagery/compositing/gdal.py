"""How files are opened: GDAL's settings for many small reads, and what is done about a server that stumbles."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import rasterio
from rasterio.errors import RasterioError

from fusion_assets.imagery.retries import RetryPolicy
from fusion_assets.imagery.unreadable import ATTEMPTS, UnreadableFile
from fusion_assets.redaction import public_url

_RETRIES = RetryPolicy(ATTEMPTS, pause=0.2)
_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    # Seconds for connecting, for a whole answer, and at less than so many bytes a second.
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "CPL_VSIL_CURL_CACHE_SIZE": 128_000_000,
    # Bytes, for all threads together: a file's blocks are kept only while one window of it is read.
    "GDAL_CACHEMAX": 64 << 20,
}
_WEB = "/vsicurl/:/vsis3/:/vsigs/:/vsiaz/:/vsiadls/:/vsioss/:/vsiswift/"
# What GDAL and curl say of servers that are busy, slow or away.
_PASSING = re.compile(
    r"HTTP (?:response|error) code ?:? ?(?:408|425|429|5\d\d)|CURL error|timed? ?out|reset by peer"
    r"|could ?n.t (?:resolve|connect)",
    re.IGNORECASE,
)
_T = TypeVar("_T")


@contextlib.contextmanager
def gdal_environment(requester_pays: bool = False) -> Iterator[None]:
    """GDAL settings for many small windowed reads, local or over HTTP; they hold for the calling thread."""
    extra = {"AWS_REQUEST_PAYER": "requester"} if requester_pays else {}
    with rasterio.Env(**_GDAL, **extra):
        yield


def with_retries(href: str, read: Callable[[], _T]) -> _T:
    """What `read` gives, asked for again where it fails.

    Raises:
        UnreadableFile: after all attempts.
    """

    def attempt() -> _T:
        try:
            return read()
        except (RasterioError, OSError, ValueError) as error:
            reason = str(error.__cause__ or error).replace(href, public_url(href)).strip() or type(error).__name__
        _forget(href)
        # Outside the handler: GDAL's own errors cannot be pickled, and a cluster would lose ours with them.
        raise UnreadableFile(href, reason, transient=bool(_PASSING.search(reason)))

    # Files may fail in ways that look lasting, and be read a moment later.
    return _RETRIES.ask(attempt, again=lambda error: type(error) is UnreadableFile)


def _forget(href: str) -> None:
    """Make GDAL ask again for a file on the web: it remembers for the life of a process that one was not there."""
    if "://" not in href and not href.startswith("/vsi"):
        return
    # A handle that is opened under this option takes with it, when it closes, what was remembered of its file.
    with rasterio.Env(CPL_VSIL_CURL_NON_CACHED=_WEB), contextlib.suppress(RasterioError, OSError, ValueError):
        rasterio.open(href).close()

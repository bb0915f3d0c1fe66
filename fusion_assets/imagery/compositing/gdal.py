"""How scene files are read: GDAL's settings for many small reads, and what is done about a server that stumbles."""

from __future__ import annotations

import contextlib
import contextvars
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import rasterio

from fusion_assets.imagery.compositing.limits import FILE_LIMITS, FileLimits
from fusion_assets.imagery.compositing.servers import Silence, host, said
from fusion_assets.imagery.heartbeat import waiting_for
from fusion_assets.imagery.retries import RetryPolicy, bounded, deadline
from fusion_assets.imagery.unreadable import ATTEMPTS, UnreadableFile, UnusableScene
from fusion_assets.redaction import public_url
from fusion_assets.storage.raster_files import GDAL_ERRORS, GDAL_OPTIONS
from fusion_assets.storage.raster_places import UnfitFile, is_on_web

_RETRIES = RetryPolicy(ATTEMPTS, pause=0.2)
_GDAL = {
    **GDAL_OPTIONS,
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",
    # Not 429: GDAL knows nothing of Retry-After.
    "GDAL_HTTP_RETRY_CODES": "500,502,503,504",
    "CPL_VSIL_CURL_CACHE_SIZE": 128_000_000,
    # Bytes, for all threads together: a file's blocks are kept only while one window of it is read.
    "GDAL_CACHEMAX": 64 << 20,
}
_FORGETFUL = {"CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/:/vsigs/:/vsiaz/:/vsiadls/:/vsioss/:/vsiswift/"}
"""GDAL remembers for the life of a process what a server said of a file, that it is not there, too."""
_SILENCE = Silence()
# What GDAL and curl say of servers that are busy, slow or away.
_PASSING = re.compile(
    r"HTTP (?:response|error) code ?:? ?(?:408|425|429|5\d\d)|CURL error|timed? ?out|reset by peer"
    r"|could ?n.t (?:resolve|connect)|no answer in time",
    re.IGNORECASE,
)
_LASTING = re.compile(r"HTTP (?:response|error) code ?:? ?(?:30\d|4(?!08|25|29)\d\d|501|505|511)", re.IGNORECASE)
_PAYS: contextvars.ContextVar[bool] = contextvars.ContextVar("requester_pays", default=False)
_T = TypeVar("_T")


@contextlib.contextmanager
def gdal_environment(requester_pays: bool = False) -> Iterator[None]:
    """GDAL settings for many small windowed reads, local or over HTTP; they hold for the calling thread."""
    extra = {"AWS_REQUEST_PAYER": "requester"} if requester_pays else {}
    token = _PAYS.set(requester_pays)
    try:
        with rasterio.Env(**_GDAL, **_times(FILE_LIMITS), **extra):
            yield
    finally:
        _PAYS.reset(token)


def _times(limits: FileLimits) -> dict[str, str]:
    return {
        "GDAL_HTTP_CONNECTTIMEOUT": f"{limits.connect_seconds:g}",
        "GDAL_HTTP_TIMEOUT": f"{limits.request_seconds:g}",
        "GDAL_HTTP_LOW_SPEED_TIME": f"{limits.slow_seconds:g}",
        "GDAL_HTTP_LOW_SPEED_LIMIT": f"{limits.slow_bytes}",
    }


def with_retries(href: str, read: Callable[[], _T]) -> _T:
    """What `read` gives, asked for again where it fails.

    Raises:
        UnusableScene: a file that is not opened, whatever is in it.
        UnreadableFile: after all attempts.
    """
    # Files may fail in ways that look lasting, and be read a moment later.
    if not is_on_web(href):
        return _RETRIES.ask(lambda: _attempt(href, read), again=_again)
    if _SILENCE.of(href):
        raise UnreadableFile(href, f"{host(href)} has given no answer to the reads before it", transient=True)
    asked, limits = 0, FILE_LIMITS

    def remote() -> _T:
        nonlocal asked
        asked += 1
        # From the second attempt on with nothing remembered; the last one also leaves nothing behind.
        with gdal_environment(_PAYS.get()), rasterio.Env(**(_FORGETFUL if asked > 1 else {})):
            return read()

    def attempt() -> _T:
        # In a thread of its own, which is left to itself when the time is over: GDAL has no limit for a whole read.
        return _attempt(href, lambda: bounded(remote), limits)

    with deadline(limits.read_seconds), waiting_for(host(href)):
        try:
            result = _RETRIES.ask(attempt, again=_again)
        except UnreadableFile as problem:
            _SILENCE.note(href, answered=not problem.transient, limits=limits)
            raise
    _SILENCE.note(href, answered=True, limits=limits)
    return result


def _again(error: BaseException) -> bool:
    return type(error) is UnreadableFile


def _attempt(href: str, read: Callable[[], _T], limits: FileLimits | None = None) -> _T:
    """Read once; of a file on the web, with `limits`, ask the server what GDAL does not tell."""
    try:
        return read()
    except UnfitFile as unfit:
        problem: UnreadableFile = UnusableScene(href, unfit.reason, unfit.expected, unfit.remedy)
    except (*GDAL_ERRORS, OSError, ValueError) as error:
        reason = str(error.__cause__ or error).replace(href, public_url(href)).strip() or type(error).__name__
        problem = UnreadableFile(href, reason, transient=bool(_PASSING.search(reason)))
        if limits is not None and not _LASTING.search(reason):
            problem = _explained(problem, limits)
    # Outside the handler: GDAL's own errors cannot be pickled, and a cluster would lose ours with them.
    raise problem


def _explained(problem: UnreadableFile, limits: FileLimits) -> UnreadableFile:
    """A problem with what the server says when it is asked for the file's first byte."""
    answer = said(problem.href, limits)
    if not answer.passing:
        return problem
    reason = problem.reason if problem.transient else f"{problem.reason} ({answer.words})"
    explained = UnreadableFile(problem.href, reason, transient=True)
    explained.pause = answer.pause
    return explained

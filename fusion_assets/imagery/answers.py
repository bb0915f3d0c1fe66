"""Answers over HTTP within limits of time and size, for every client that is built on `requests`."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from fusion_assets.errors import FusionError
from fusion_assets.imagery.retries import ANSWER_BYTES, ANSWER_SECONDS, deadline, remaining
from fusion_assets.redaction import public_url
from fusion_assets.storage.patience import CONNECT_SECONDS

READ_OF_REFUSALS = 20_000
"""Bytes of an answer that says no: people read no more of it."""
_PIECE = 1 << 16
_PASSING = {408, 425, 429}
_LASTING = {501, 505, 511}
_Session = TypeVar("_Session", bound=requests.Session)


class TooLong(Exception):
    """An answer of more bytes than are read."""


def content_of(response: requests.Response, most_bytes: int) -> bytes:
    """All of an answer that has not been read yet; of a refusal, what people read of it.

    Args:
        response: as it comes with `stream`.
        most_bytes: of an answer that is no refusal.

    Raises:
        TooLong: it has more.
        TimeoutError: the time that is given to the thread is over; see `retries.deadline`.
        urllib3.exceptions.HTTPError: it is broken off, silent or wrongly packed.
    """
    pieces: list[bytes] = []
    size, most = 0, most_bytes if response.ok else READ_OF_REFUSALS
    while piece := response.raw.read1(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if remaining() <= 0:  # whoever waited has left
            raise TimeoutError("no answer in time")
        if size > most:
            if response.ok:
                raise TooLong
            break
    return b"".join(pieces)


class _Limits(HTTPAdapter):
    """Hears every answer to its end, or to that of patience, before anybody gets to see it."""

    def __init__(self, seconds: float, most_bytes: int) -> None:
        super().__init__()
        self._seconds, self._most_bytes = seconds, most_bytes

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send, and hear the answer.

        Raises:
            FusionError: it is too long.
            requests.RequestException: as usual.
        """
        place = public_url(request.url or "")
        with deadline(self._seconds):
            patience = (CONNECT_SECONDS, max(min(self._seconds, remaining()), 0.001))
            response = super().send(request, True, timeout or patience, verify, cert, proxies)
            try:
                response._content = content_of(response, self._most_bytes)
            except TooLong:
                problem: Exception = _too_long(place, self._most_bytes)
            except (TimeoutError, ReadTimeoutError) as error:
                problem = requests.ReadTimeout(type(error).__name__, request=request)
            except ProtocolError as error:
                problem = ChunkedEncodingError(type(error).__name__, request=request)
            except DecodeError as error:
                problem = ContentDecodingError(type(error).__name__, request=request)
            else:
                response._content_consumed = True  # type: ignore[attr-defined]
                return response
            finally:
                response.close()
        raise problem


def limited(session: _Session, seconds: float = ANSWER_SECONDS, most_bytes: int = ANSWER_BYTES) -> _Session:
    """A session whose answers have limits.

    Args:
        session: is changed, and returned.
        seconds: for one answer, whole.
        most_bytes: of one answer.
    """
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Limits(seconds, most_bytes))
    return session


def _too_long(place: str, most_bytes: int) -> FusionError:
    return FusionError(
        f"{place} answers with more than {most_bytes:,} bytes, and there may be no end of them",
        "an answer of the length that was asked for",
        "check the address; tell the operator of the service what it answers",
    )


def passing(error: BaseException) -> bool:
    """Whether the same request may succeed later: nobody answered, or hung up, or said that it is busy or failing."""
    response = getattr(error, "response", None)
    if response is not None:
        return passing_status(response.status_code)
    if isinstance(error, requests.exceptions.SSLError):
        return "CERTIFICATE" not in str(error).upper()
    broken = requests.ConnectionError | requests.Timeout | TimeoutError | ChunkedEncodingError
    return isinstance(error, broken | ProtocolError | ReadTimeoutError)


def passing_status(status: int) -> bool:
    """Whether a status of HTTP is one that passes: busy, or failing."""
    return status in _PASSING or (status >= 500 and status not in _LASTING)


def retry_after(header: str | None) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date; 0 without one."""
    if header is None:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return 0.0 if math.isnan(seconds) else max(seconds, 0.0)

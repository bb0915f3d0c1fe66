"""How Earth Engine's client sends its requests: as it does by itself, but within limits of time and size."""

from __future__ import annotations

from typing import Any

import httplib2
import requests

from fusion_assets.imagery.answers import limited


class Transport:
    """What the client asks for: `httplib2.Http`, as far as it is used, over a session of `requests` with limits.

    Args:
        seconds: for one answer, whole.
    """

    def __init__(self, seconds: float) -> None:
        self._session = limited(requests.Session(), seconds)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **others: Any
    ) -> tuple[httplib2.Response, bytes]:
        """Status with headers, and content, of an answer; other arguments are those of httplib2 and count for nothing.

        Raises:
            ConnectionError: nobody answers, or hangs up.
            TimeoutError: no answer in time.
            FusionError: no end of it.
        """
        try:
            response = self._session.request(method, uri, data=body, headers=headers)
        except requests.Timeout as error:
            raise TimeoutError(type(error).__name__) from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise ConnectionError(type(error).__name__) from None
        told = httplib2.Response({**response.headers, "status": response.status_code})
        told.reason = f"status {response.status_code} {response.reason}"  # shown where the answer has no words
        return told, response.content

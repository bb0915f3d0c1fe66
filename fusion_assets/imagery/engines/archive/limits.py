"""What a STAC server or catalog is given: time, further attempts, and how much it may answer."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_assets.imagery.retries import ANSWER_BYTES, ANSWER_SECONDS, RetryPolicy
from fusion_assets.storage.patience import CONNECT_SECONDS, SILENCE_SECONDS

_RETRIES = RetryPolicy()


@dataclass(frozen=True)
class Limits:
    """See the attributes; times in seconds.

    Attributes:
        connect_seconds: to accept a connection.
        read_seconds: between two pieces of an answer.
        request_seconds: for one answer, whole, however slowly it trickles.
        retries: how often each request is sent.
        listing_seconds: for the list of all collections.
        search_seconds: for all pages of a search.
        signing_seconds: for the signatures of all items.
        page_sizes: items to a page: the next fewer where a server says, or shows by failing, that a page is too large.
        most_bytes: of one answer or file; the largest pages of items have a twentieth of it.
        most_items: that a search may find, or a catalog list.
        most_catalogs: that a catalog may link to, one below the other and side by side.
        most_empty_pages: that may follow each other and still lead on.
    """

    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = SILENCE_SECONDS
    request_seconds: float = ANSWER_SECONDS
    retries: RetryPolicy = _RETRIES
    listing_seconds: float = 600.0
    search_seconds: float = 900.0
    signing_seconds: float = 600.0
    page_sizes: tuple[int, ...] = (200, 100, 50, 10)
    most_bytes: int = ANSWER_BYTES
    most_items: int = 50_000
    most_catalogs: int = 20_000
    most_empty_pages: int = 20


LIMITS = Limits()

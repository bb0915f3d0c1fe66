"""How much is asked of Sentinel Hub, and how patiently."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_assets.imagery.retries import ANSWER_BYTES, ANSWER_SECONDS, RetryPolicy
from fusion_assets.storage.patience import SILENCE_SECONDS

_RETRIES, _PARTIAL_RETRIES = RetryPolicy(growth=3), RetryPolicy(attempts=3, pause=0)


@dataclass(frozen=True)
class Pace:
    """How much is asked of the service, and how patiently.

    Attributes:
        retries: of a request that meets an error of the server or the network.
        partial_retries: of a request whose answer is not whole.
        most_refusals: answers 429 that one request takes.
        longest_wait: seconds; a wait beyond it is for a quota, which people must know about.
        between_requests: seconds from one request to the next, of all threads together.
        slowest_between: the same, after many answers 429.
        at_once: requests under way.
        request_seconds: for an answer.
        token_seconds: for a token.
        search_seconds: for all pages of a search.
        check_seconds: for a look at package, credentials and collections.
        most_scenes: of one search.
        most_bytes: of one answer; pixels are asked for in pieces of far fewer.
    """

    retries: RetryPolicy = _RETRIES
    partial_retries: RetryPolicy = _PARTIAL_RETRIES
    most_refusals: int = 20
    longest_wait: float = 600.0
    between_requests: float = 0.05
    slowest_between: float = 2.0
    at_once: int = 8
    request_seconds: float = ANSWER_SECONDS
    token_seconds: float = SILENCE_SECONDS
    search_seconds: float = 900.0
    check_seconds: float = 30.0
    most_scenes: int = 20_000
    most_bytes: int = ANSWER_BYTES

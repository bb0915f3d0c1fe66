"""A token endpoint on 127.0.0.1 and the key files that point at it, for the real sign-in flows of google-auth."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer


class TokenEndpoint:
    """What a test may change of the endpoint, and what it has seen.

    Attributes:
        url: address.
        token: handed out to whoever asks.
        refusal: error code answered instead, such as `invalid_grant`; empty hands out tokens.
        words: description beside the refusal.
        lifetime: of tokens, seconds.
        requests: how many.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.refusal, self.words, self.lifetime, self.requests = "", "", 3600, 0

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and body of the next answer."""
        self.requests += 1
        if self.refusal:
            return 400, {"error": self.refusal, "error_description": self.words}
        return 200, {"access_token": self.token, "expires_in": self.lifetime, "token_type": "Bearer"}


@contextlib.contextmanager
def token_endpoint(token: str = "token") -> Iterator[TokenEndpoint]:
    """Serve tokens until the end of the block."""

    class Handler(LoopbackHandler):
        def respond(self) -> None:
            self.received()
            self.send(*endpoint.answer())

    with LoopbackServer(Handler) as server:
        endpoint = TokenEndpoint(f"{server.url}/token", token)
        yield endpoint


@functools.cache
def private_key() -> str:
    """A key that nobody uses, as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def service_account_file(folder: Path, endpoint: TokenEndpoint, **changes: Any) -> str:
    """Write the key file of a service account; returns its path."""
    facts = {
        "type": "service_account",
        "client_email": "robot@demo.iam.gserviceaccount.com",
        "private_key": private_key(),
        "private_key_id": "1",
        "token_uri": endpoint.url,
        "project_id": "demo",
    }
    return _written(folder / "service.json", facts | changes)


def user_file(folder: Path, endpoint: TokenEndpoint, **changes: Any) -> str:
    """Write a user's credentials, as `gcloud auth application-default login` does; returns the path."""
    facts = {"type": "authorized_user", "client_id": "client", "client_secret": "secret", "refresh_token": "refresh"}
    return _written(folder / "user.json", {**facts, "token_uri": endpoint.url, **changes})


def _written(path: Path, facts: dict[str, Any]) -> str:
    path.write_text(json.dumps(facts))
    return str(path)

"""What a diagnosis looks at on Earth Engine: endpoint, credentials, project, answers, tasks and data sets.

Every function asks once and is answered within seconds, or raises a `FusionError` that says what to do; each
returns what was found, in words without secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery.engines import services
from fusion_assets.imagery.engines.earth_engine import tasks
from fusion_assets.imagery.engines.earth_engine.connection import (
    PUBLIC_ENDPOINT,
    REQUESTS_AT_ONCE,
    Connection,
    credentials_for,
    earth_engine_error,
    read,
    stored_sign_in,
)
from fusion_assets.imagery.engines.earth_engine.outlines import searched_area
from fusion_assets.imagery.engines.earth_engine.scene_lists import CLOUD_SCORE_PLUS, collections_of, deprecated
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.redaction import public_url

LIMIT_SECONDS = 20
"""Longer than any answer that a diagnosis asks for takes."""
_NETWORK = "check the network and the proxy settings, then EE_URL"
_SIGN_IN = "sign in again (`earthengine authenticate`), or make a new key for the service account; check the clock too"
# What a token endpoint may say (RFC 6749); anything else that it says is not shown.
_REFUSALS = ("invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope", "access_denied")
_SHOWN = 80
_PLAIN = re.compile(r"[\w./:-]{1,120}")
_T = TypeVar("_T")


class Once(Connection):
    """A connection for looking, not for working: no second attempt, and no waiting beyond the limit."""

    def open(self) -> None:
        """Sign in; see `Connection.open`."""
        import ee

        ee.data.setMaxRetries(0)
        within(super().open, "signing in")

    def ask(self, request: Callable[[], _T], about: str) -> _T:
        """Answer of one request; see `Connection.ask`."""
        self.open()
        try:
            return within(request, about)
        except FusionError:
            raise
        except Exception as error:
            problem = earth_engine_error(error, about)
        raise problem


def within(work: Callable[[], _T], about: str, seconds: float = LIMIT_SECONDS) -> _T:
    """See `services.within`."""
    return services.within(work, about, seconds, _NETWORK)


def package(name: str) -> str:
    """The version of a package that this engine needs."""
    return services.package_version(name, "Earth Engine", "earth-engine")


def endpoint(connection: Connection) -> str:
    """Whether the address serves Earth Engine's API; its description is public, so no credential is sent."""
    import requests

    from fusion_assets.imagery.answers import limited

    url = connection.url or PUBLIC_ENDPOINT
    place = public_url(url)
    web = limited(requests.Session(), LIMIT_SECONDS / 2)
    ask = partial(web.get, f"{url}/$discovery/rest?version=v1")
    try:
        answer = within(ask, place, LIMIT_SECONDS)
        status, said = answer.status_code, answer.text
    except requests.RequestException as error:
        status, said = 0, type(error).__name__
    if not status:
        raise Unreachable(f"{place} cannot be reached ({said})", "an answer", _NETWORK)
    if status != 200 or "earthengine" not in said:
        raise FusionError(
            f"{place} answers {status}, and not as Earth Engine", "the Earth Engine API", "try again, or correct EE_URL"
        )
    return f"{place} answers"


def credentials(connection: Connection) -> str:
    """Which credentials are used, tried out: a token is asked for, and thrown away."""
    return f"{identity(connection)} may sign in" if _signed(connection) else identity(connection)


def identity(connection: Connection) -> str:
    """Whose credentials are used, by kind; a service account by its address."""
    account = _account(connection)
    kind = type(account).__module__
    if kind == "google.auth.credentials":
        return "none are sent to an EE_URL on this machine"
    source = "GOOGLE_APPLICATION_CREDENTIALS" if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") else ""
    if getattr(account, "service_account_email", None):
        return f"service account {account.service_account_email} ({source or 'application default credentials'})"
    if kind == "google.oauth2.credentials":
        stored = "`earthengine authenticate`" if stored_sign_in() else "application default credentials"
        return f"a user's account ({source or stored})"
    return f"{kind.rsplit('.', 1)[-1].replace('_', ' ')} credentials ({source or 'application default credentials'})"


def _account(connection: Connection) -> Any:
    try:
        return within(partial(credentials_for, connection.url), "looking for credentials")
    except FusionError as error:
        problem = error
    if not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") and stored_sign_in() and "there are no" in problem.found:
        problem = FusionError(
            "what `earthengine authenticate` has stored is refused: expired or revoked", "a valid sign-in", _SIGN_IN
        )
    raise problem


def _signed(connection: Connection) -> bool:
    """Whether a token was given; False where none is needed."""
    import requests
    from google.auth.exceptions import GoogleAuthError, RefreshError
    from google.auth.transport.requests import Request

    from fusion_assets.imagery.answers import limited

    account = _account(connection)
    if type(account).__module__ == "google.auth.credentials":
        return False
    request = partial(Request(limited(requests.Session(), LIMIT_SECONDS / 2)), timeout=LIMIT_SECONDS / 2)
    try:
        within(partial(account.refresh, request), "asking for a token")
        return True
    except RefreshError as error:
        # The server's words may quote what was sent: only the codes of the standard are repeated.
        said = next((code for code in _REFUSALS if code in str(error)), "no reason that can be shown")
        problem = FusionError(f"{identity(connection)} is refused ({said})", "a valid sign-in", _SIGN_IN)
    except (GoogleAuthError, *services.ODD) as error:
        what = f"{identity(connection)}: no token could be had ({type(error).__name__})"
        problem = FusionError(what, "a token endpoint that answers, and a whole key file", _NETWORK)
    raise problem


def project(connection: Connection) -> str:
    """Whether the project exists and these credentials may use Earth Engine in it."""
    connection.open()
    name = _config(connection).get("name", "").split("/")
    if connection.project:
        return f"{connection.project} may be used"
    return f"{name[1] if len(name) > 1 else 'that of the credentials'} may be used; EE_PROJECT is not set"


def _config(connection: Connection) -> dict[str, str]:
    """What Earth Engine tells of the project; nothing where these credentials may use it but not look into it."""
    import ee

    try:
        facts = connection.ask(ee.data.getProjectConfig, "looking up the project")
    except FusionError:
        return {}
    texts = facts.items() if isinstance(facts, dict) else ()
    return {name: text for name, text in texts if isinstance(text, str) and _PLAIN.fullmatch(text)}


def answers(connection: Connection) -> str:
    """Whether Earth Engine computes: one and one."""
    import ee

    connection.open()
    about = "computing 1 + 1"
    answer = connection.ask(read(lambda: ee.Number(1).add(1).getInfo, about), about)
    if answer != 2:
        raise FusionError(f"1 + 1 is {str(answer)[:_SHOWN]} there", "2", "correct EE_URL")
    return "computes"


def queue(connection: Connection, most: int | None, waits: bool) -> str:
    """Tasks that wait and run, against Earth Engine's limits and the study's own.

    Args:
        connection: to ask.
        most: tasks of ours at once that the study allows; None for no limit of its own.
        waits: whether at that limit the study waits; else there being no room is an error.

    Raises:
        FusionError: no room for another task.
    """
    listed = tasks.listed(connection)
    states = [(entry.get("metadata") or {}).get("state") for entry in listed]
    mine = sum(operation.state in ("PENDING", "RUNNING") for operation in tasks.ours(listed))
    tasks.check_queue(listed, None if waits else most)
    share = f"{mine} of this package's" + ("" if most is None else f" (at most {most} by the study)")
    at_once = _config(connection).get("maxConcurrentExports", "an unknown number")
    return (
        f"{states.count('PENDING')} wait (at most {tasks.QUEUE_LIMIT:,}) and {states.count('RUNNING')} run (at once: "
        f"{at_once}), {share}; requests at once: {REQUESTS_AT_ONCE}"
    )


def collections(requests: Sequence[ExportRequest], connection: Connection) -> str:
    """The image collections of requests, looked up: that they exist, may be read, and are not deprecated.

    Raises:
        FusionError: one is not there for these credentials, is no image collection, or is deprecated and the study
            does not allow that; there is none of a request's time.
    """
    connection.open()

    def looked_up(name: str) -> str:
        return readable(name, connection) + (
            f" (deprecated; its successor is {deprecated()[name] or 'not named'})" if name in deprecated() else ""
        )

    names = dict.fromkeys(each.id for request in requests for each in collections_of(request))
    return "; ".join(map(looked_up, names))


def readable(name: str, connection: Connection) -> str:
    """An image collection by id, looked up.

    Raises:
        FusionError: it is not there for these credentials, or is no image collection.
    """
    import ee

    connection.open()
    about = f"looking up {name}"
    asset: Any = connection.ask(partial(ee.data.getAsset, name), about)
    kind = read(lambda: str(asset.get("type"))[:_SHOWN], about)
    if kind != "IMAGE_COLLECTION":
        raise FusionError(f"{name} is of type {kind}", "IMAGE_COLLECTION", "correct `collection`")
    return f"{name} can be read"


def scores(request: ExportRequest, connection: Connection) -> int:
    """Number of Cloud Score+ images of a request's window and area.

    Raises:
        FusionError: there are none.
    """
    import ee

    connection.open()
    first, last = (day.isoformat() for day in request.window)
    about = f"counting images of {CLOUD_SCORE_PLUS}"

    def question() -> Any:
        images = ee.ImageCollection(CLOUD_SCORE_PLUS).filterDate(first, ee.Date(last).advance(1, "day"))
        return images.filterBounds(searched_area(request)).size()

    answer: Any = connection.ask(read(question, about).getInfo, about)
    count = read(lambda: int(answer), about)
    if not count:
        remedy = "choose another mask for this product, or other years: Cloud Score+ begins in July 2015"
        raise FusionError(f"{CLOUD_SCORE_PLUS} has nothing for {request.partition}", "scores of its scenes", remedy)
    return count

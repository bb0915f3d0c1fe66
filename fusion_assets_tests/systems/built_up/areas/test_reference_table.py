"""A reference sample on the web: fetched whole or not at all, soon, from servers that fail, and without secrets."""

import contextlib
import time

import pytest

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery import heartbeat, retries
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets.systems.built_up.areas import reference_table
from fusion_assets.systems.built_up.areas.reference import read_reference
from fusion_assets.systems.built_up.areas.reference_table import table_content
from fusion_assets_tests.malformed.servers import WAYS

MARK = "hunter2-MARK"
TABLE = b"x,y,year,label\n1,2,2016,1\n"


@pytest.fixture
def pauses(monkeypatch):
    made = []
    monkeypatch.setattr(retries, "sleep", made.append)
    monkeypatch.setattr(reference_table, "_WHOLE_SECONDS", 2.0)
    return made


@contextlib.contextmanager
def serving(*answers):
    """The address of a table on a server that gives these answers one after the other, and the last one again."""
    asked = []

    class Handler(LoopbackHandler):
        def respond(self):
            self.close_connection = True
            asked.append(self.path)
            with contextlib.suppress(OSError):
                answers[min(len(asked), len(answers)) - 1](self, TABLE)

    with LoopbackServer(Handler) as server:
        yield server.url.replace("//", f"//user:{MARK}@") + f"/table.csv?sig={MARK}", asked


def status(number, **headers):
    return lambda handler, content: handler.send(
        number, b"busy", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def whole(handler, content):
    handler.send(200, content, "text/csv")


def endless(handler, content):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b" " * (1 << 20))


@pytest.mark.parametrize(
    "trouble", [status(503), status(429), WAYS["resetting"], WAYS["resetting half-way"], WAYS["too short"]]
)
def test_what_passes_is_asked_again(trouble, pauses):
    with serving(trouble, whole) as (address, asked):
        assert table_content(address) == TABLE
    assert len(asked) == 2 and len(pauses) == 1


def test_a_server_says_when_to_come_again(pauses, monkeypatch):
    monkeypatch.setattr(reference_table, "_WHOLE_SECONDS", 20.0)
    with serving(status(429, **{"Retry-After": "7"}), whole) as (address, _):
        assert table_content(address) == TABLE
    assert pauses == [7.0]


@pytest.mark.parametrize("trouble", [status(503), WAYS["resetting"], WAYS["silent"], WAYS["trickling"]])
def test_what_stays_is_named_without_secrets(trouble, pauses):
    started = time.monotonic()
    with serving(trouble) as (address, asked), pytest.raises(Unreachable, match=r"cannot be fetched \(") as caught:
        table_content(address)
    assert time.monotonic() - started < 10 and 1 <= len(asked) <= 4
    assert MARK not in str(caught.value) and caught.value.__context__ is None


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (status(403), r"cannot be fetched \(status 403\)"),
        (status(404), "does not exist"),
        (endless, "answers with more than 64,000,000 bytes"),
    ],
)
def test_what_will_not_change_is_asked_once(trouble, said, pauses, monkeypatch):
    monkeypatch.setattr(reference_table, "_WHOLE_SECONDS", 60.0)
    with serving(trouble) as (address, asked), pytest.raises(FusionError, match=said) as caught:
        read_reference(address)
    assert len(asked) == 1 and MARK not in str(caught.value) and not isinstance(caught.value, Unreachable)


def test_it_is_said_who_is_waited_for(pauses, monkeypatch, caplog):
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(heartbeat, "_speaker", None)  # that of another test sleeps longer
    with serving(WAYS["silent"]) as (address, _), pytest.raises(Unreachable):
        table_content(address)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("waiting for")]
    assert lines and "the reference sample at http://127.0.0.1" in lines[0] and MARK not in " ".join(lines)

"""What no text may carry: tried on what the libraries that speak HTTP print, and on spellings of logins."""

import asyncio
import logging
import time
import traceback
import warnings
from urllib.parse import urlsplit

import dagster as dg
import fsspec
import pytest
import rasterio
import requests
import urllib3

from fusion_assets.errors import FusionError
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.metadata import lines_of, listed
from fusion_assets.redaction import printable_line, public_url, redact_logs, redacted
from fusion_assets.storage.addresses import io_errors

MARK = "MARKED-SECRET"
# Nothing listens there, and a refusal comes at once.
CLOSED = "127.0.0.1:9"
LOGINS = ("user:{}", "user:p@{}", "user:{}/b", "us er:a b{}", "user:{}?a#b", "user:%40{}", "{}@corp:x", "user:a:b@{}")
PLACES = (CLOSED, "[::1]:9")
PATHS = ("/a/b.tif", "/a b/c d.tif", "/a@b/c.tif", "")
QUERIES = ("", f"?sig={MARK}&se=2030", f"?{MARK}", f"?a=1&X-Amz-Signature={MARK}%2F", f"#access_token={MARK}")


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("place", PLACES)
def test_addresses_are_shown_without_login_and_query(login, place):
    for path in PATHS:
        for query in QUERIES:
            address = f"https://{login.format(MARK)}@{place}{path}{query}"
            shown = public_url(address)
            # With a slash in the password, nobody knows which @ ends it.
            assert shown == f"https://{place}{path}" or ("/" in login and "@" in path and shown == "https://b/c.tif")
            said = redacted(f"cannot read {address}: no answer")
            assert MARK not in said and "no answer" in said
            assert public_url(shown) == shown


@pytest.mark.parametrize(
    "text",
    ["https://stac.example:8080/v1/a@b/c.tif", "gs://bucket/a b#3.tif", "C:\\data\\what?.tif", "/data/what?.tif",
     "http://[::1]:80/a@b", "assets: {B04: data#3}", "what? yes", "s3://bucket/key: a@b.c may not read it",
     "the password is wrong", "serviceAccount:sa@project.iam may not", "a line\n  and another", "Ö, 東京, 🌍"],
)  # fmt: skip
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [f"Authorization: Bearer {MARK}", f"{{'Authorization': 'Basic {MARK}=='}}", f'{{"access_token": "{MARK}"}}',
     f'"private_key": "-----BEGIN PRIVATE KEY-----\\n{MARK}\\n-----END PRIVATE KEY-----\\n"', f"client_secret={MARK}&a",
     f"-----BEGIN RSA PRIVATE KEY-----\nabc\n{MARK}", f"Ocp-Apim-Subscription-Key: {MARK}", f"user:{MARK}@host:80",
     f"AWSAccessKeyId={MARK}", f"x-amz-security-token: {MARK}", f"token ya29.{MARK}", f"bearer {MARK}",
     f"/vsicurl?url=https%3A%2F%2Fhost%2Fa%3Fsig%3D{MARK}", f"invalid_grant: assertion={MARK}"],
)  # fmt: skip
def test_keys_and_tokens_are_hidden(text):
    assert MARK not in redacted(text)


def test_secrets_of_the_environment_are_hidden_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("SH_CLIENT_SECRET", "a secret/with signs")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "tokentoken")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("FUSION_ARCHIVE", "https://user:first/second-part@host/x")
    assert redacted("a secret/with signs, a%20secret%2Fwith%20signs, a+secret%2Fwith+signs") == "***, ***, ***"
    assert redacted("tokentoken in eu-central-1") == "*** in eu-central-1"
    assert redacted("Port could not be cast to integer value as 'second-part'").endswith("'***'")


@pytest.mark.parametrize("password", ["S3cr%t/M@RKpw:x", "S3c%/M@RKpw", "a'%/b", "p:q/r"])
def test_no_part_of_a_password_that_was_taken_for_a_port_is_told(password, monkeypatch):
    address = f"ftp://user:{password}@127.0.0.1:9/x"
    monkeypatch.setenv("FUSION_STORAGE", address)
    with pytest.raises(ValueError, match="Port") as caught:
        _ = urlsplit(address).port
    quote = '"' if "'" in password else "'"
    assert redacted(caught.value) == f"Port could not be cast to integer value as {quote}***{quote}"
    assert "S3cr%t" not in redacted("the host S3cr%t") or not password.startswith("S3cr%t")
    assert redacted("nonnumeric port: 'a' of port '80'") == "nonnumeric port: '***' of port '80'"


@pytest.mark.parametrize("sign", [*map(chr, (0, 7, 8, 13, 27, 127, 0x9B, 0x202E, 0x2066, 0x2028, 0xD800, 0xE0041))])
def test_nothing_steers_a_terminal(sign):
    assert sign not in redacted(f"item {sign}[2Jx") and sign not in str(FusionError(f"a{sign}b"))


def test_a_path_is_one_line():
    assert printable_line("/data/\x1b[2Ja\nb\udcff.tif") == "/data/a b .tif"


def test_escape_sequences_go_whole():
    assert redacted("\x1b[31mred\x1b[0m \x1b]0;title\x07and\x1b]8;;http://a\x1b\\link") == "red andlink"


@pytest.mark.parametrize(
    "part", ["a", "://", "?a", "&a=", "x-", "://a:b ", "\x1b[", "password: ", "_key-", "eyJaaaa.aaaa."]
)
def test_long_texts_are_cut_and_cost_little(part):
    started = time.monotonic()
    assert len(redacted(part * 1_000_000)) < 20_000
    assert time.monotonic() - started < 2


class Refusing(LoopbackHandler):
    """Refuses, and repeats what it was sent."""

    def respond(self):
        self.send_error(403, f"no {self.path}")


def ask_requests(address):
    requests.get(address, timeout=5).raise_for_status()


def ask_urllib3(address):
    response = urllib3.PoolManager(retries=False, timeout=5).request("GET", address)
    raise OSError(f"{response.status} {response.reason} {response.geturl()}")


def ask_urllib3_again(address):
    urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0, status_forcelist=[403])).request("GET", address)


def ask_fsspec(address):
    fsspec.filesystem("http", skip_instance_cache=True).cat_file(address)


def ask_gdal(address):
    with rasterio.Env(GDAL_HTTP_MAX_RETRY=0, GDAL_HTTP_CONNECTTIMEOUT=5):
        rasterio.open(f"/vsicurl/{address}").close()


def ask_aiohttp(address):
    import aiohttp

    async def ask():
        async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(address):
            pass

    asyncio.run(ask())


def ask_google(address):
    import google.auth.transport.requests
    from google.oauth2.credentials import Credentials

    login = Credentials(None, refresh_token=MARK, client_id="us", client_secret=MARK, token_uri=address)
    login.refresh(google.auth.transport.requests.Request())


ASKING = (ask_requests, ask_urllib3, ask_urllib3_again, ask_fsspec, ask_gdal, ask_aiohttp, ask_google)


@pytest.mark.parametrize("ask", ASKING, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("login", ["", f"user:{MARK}@", f"user:p@{MARK}@", f"user:{MARK} b@", f"user:{MARK}/b@"])
def test_what_libraries_print_of_refusals_and_of_silence(ask, login, monkeypatch):
    with LoopbackServer(Refusing) as server:
        for place in (server.url.removeprefix("http://"), CLOSED):
            for path in ("/a.tif", "/a b.tif"):
                address = f"http://{login}{place}{path}?sig={MARK}&se=1"
                monkeypatch.setenv("FUSION_ARCHIVE", address)
                with pytest.raises(FusionError) as caught, io_errors("read", address, "a file", "check it"):
                    ask(address)
                assert MARK not in "".join(traceback.format_exception(caught.value))
                with pytest.raises(Exception) as raw:
                    ask(address)
                assert MARK not in redacted("".join(traceback.format_exception(raw.value)))


class Odd(Exception):
    """Whose text is made when it is shown."""

    def __str__(self):
        return f"with url: /a?sig={MARK}"


def fails(error, cause=None):
    """What Dagster keeps of an asset that fails so."""

    @dg.asset
    def failing(context):
        with explained():
            context.log.warning(f"https://user:{MARK}@host/a?sig={MARK} \x1b[2J")
            logging.getLogger("urllib3").error("url: %s", f"/a?sig={MARK}")
            try:
                raise cause or Odd()
            except Exception:
                raise error  # noqa: B904  (with what led to it, as careless code does)

    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions([failing]).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        return [str(entry) for entry in instance.all_logs(result.run_id)]


@pytest.mark.parametrize("error", [FusionError("no"), ValueError("no"), Odd(), OSError(5, f"http://u:{MARK}@h")])
def test_dagster_keeps_no_secret_of_errors_and_of_what_led_to_them(error, capfd):
    redact_logs()
    kept = fails(error)
    assert kept and not [text for text in kept if MARK in text or "\\x1b[2J" in text]
    assert [text for text in kept if "https://host/a" in text]
    assert MARK not in "".join(capfd.readouterr())


def test_warnings_and_records_of_libraries_are_redacted(capsys):
    redact_logs()
    warnings.showwarning(UserWarning(f"http://u:{MARK}@h"), UserWarning, "file", 1)
    link = f"http://h/?sig={MARK}"
    record = logging.getLogger("x").makeRecord("x", 40, "f", 1, "see %s", (link,), (Odd, Odd(), None))
    assert MARK not in logging.Formatter().format(record)
    assert "see http://h/" in logging.Formatter().format(record) and MARK not in capsys.readouterr().err


def test_lines_in_markdown_fetch_nothing_and_come_back():
    lines = ["item ![x](http://a/b.png) <img src=http://a>", "`a` ``b``", "https://host/a", "two\nlines"]
    value = listed(lines)
    assert lines_of(value) == [" ".join(line.split()) for line in lines]
    for shown in value.md_str.splitlines():
        fence = shown.removeprefix("- ").split(" ")[0]
        assert set(fence) == {"`"} and shown.endswith(fence) and fence not in shown.strip("- `")
    assert lines_of(listed([])) == []

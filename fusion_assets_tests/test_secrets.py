"""No secret in anything that is written: marked ones are put where a user's are, and searched for everywhere.

Everywhere is what the command line prints, artifacts, tickets and operation records, and Dagster's own files, its
compressed records unpacked.
"""

import dataclasses
import json
import re
import sqlite3
import zlib
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fusion_assets.cli.main import main
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.earth_engine import access, connection
from fusion_assets.imagery.engines.protocol import Export, operation_id
from fusion_assets.loopbacks.earth_engine import EarthEngineService
from fusion_assets.loopbacks.earth_engine.tokens import private_key, service_account_file, token_endpoint, user_file
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets.orchestration import failures
from fusion_assets.orchestration.engine_assets import with_login
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.settings import Settings
from fusion_assets_tests.demo_study import demo_study
from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_request
from fusion_assets_tests.whole_studies import load_study

pytestmark = pytest.mark.slow

MARK = "MARKED-SECRET"
VISIBLE = "visible-project"
NOON = "2020-01-01T12:00:00+00:00"
SELECTION = "night_lights_export,night_lights_composite"


def found_in(folder, mark):
    """Files under a folder that contain a text, plainly or in a compressed record of a database."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and any(mark in part for part in parts(path))]


def parts(path):
    yield path.read_bytes()
    if path.suffix != ".db":
        return
    with sqlite3.connect(path) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in database.execute(f'select * from "{table}"'):
                yield from (zlib.decompress(cell) for cell in row if isinstance(cell, bytes))


class Place:
    """A folder with a study, and the command line run in it by a person with secrets."""

    def __init__(self, folder, catalog, capfd, monkeypatch):
        self.folder, self.capfd, self.monkeypatch = folder, capfd, monkeypatch
        self.marks = [MARK]
        written = demo_study(catalog, working_resolution=500)
        written["products"]["sentinel2"] = {"product": "sentinel2_l2a", "bands": ["B02", "B11"]}
        (folder / "study.yaml").write_text(yaml.safe_dump(written))
        self.set(FUSION_STUDY=folder / "study.yaml", FUSION_STORAGE=folder / "data", DAGSTER_HOME=folder / "home")

    def set(self, **variables):
        for name, value in variables.items():
            self.monkeypatch.setenv(name, str(value))

    def fusion(self, *arguments):
        """Run a command; returns exit code and what was printed, in which there is no secret."""
        code = main(arguments)
        printed = "".join(self.capfd.readouterr())
        assert not [mark for mark in self.marks if mark in printed]
        return code, printed

    def assert_clean(self):
        for mark in self.marks:
            assert not found_in(self.folder / "data", mark.encode())
            assert not found_in(self.folder / "home", mark.encode())


@pytest.fixture
def place(tmp_path, catalog, capfd, monkeypatch):
    """Where nobody waits between attempts, of requests or of runs."""
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    at_once = dg.RetryPolicy(max_retries=failures.NETWORK_RETRIES.max_retries)
    monkeypatch.setattr(failures, "NETWORK_RETRIES", at_once)
    for name in ("EE_PROJECT", "EE_URL", "FUSION_ARCHIVE", "FUSION_ENGINE", "FUSION_EE_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    return Place(tmp_path, catalog, capfd, monkeypatch)


@pytest.fixture
def signed_in(place, catalog, monkeypatch):
    """Earth Engine on this machine, to which real credentials are sent for once."""
    right = connection.credentials_for
    for module in (connection, access):
        monkeypatch.setattr(module, "credentials_for", lambda url: right(""))
    with token_endpoint(f"{MARK}-access-token") as tokens, EarthEngineService(catalog) as service:
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", tokens.url)
        url = service.url.replace("//", f"//user:{MARK}-url@")
        login = f"user:{MARK}-password@stac.example/v1?key={MARK}-key"
        place.set(FUSION_ENGINE="earth_engine", EE_URL=url, EE_PROJECT=VISIBLE, FUSION_ARCHIVE=f"https://{login}")
        place.set(GOOGLE_APPLICATION_CREDENTIALS=service_account_file(place.folder, tokens))
        place.marks.append(private_key().splitlines()[3])
        yield place, service, tokens
    connection.sign_out()


def test_runs_on_earth_engine_leave_no_secret_behind(signed_in):
    place, service, tokens = signed_in
    assert place.fusion("doctor")[0] == 0 and tokens.requests
    service.faults.add("cut", endpoint="image.computePixels")
    service.faults.add("500", endpoint="value.compute")
    code, printed = place.fusion("run", "--years", "2015", "--select", SELECTION)
    assert code == 0, printed
    place.assert_clean()
    databases = (place.folder / "home").rglob("*.db")
    unpacked = (record for path in databases for record in list(parts(path))[1:])
    assert any(b"night_lights_composite" in record for record in unpacked), "compressed records are searched"


@pytest.mark.parametrize("fault", ["unauthenticated", "forbidden", "500", "drop", "cut"])
def test_failures_on_earth_engine_show_no_secret(signed_in, fault):
    place, service, _ = signed_in
    service.faults.add(fault, endpoint="value.compute", times=None)
    code, printed = place.fusion("run", "--years", "2015", "--select", "sentinel2_export")
    assert code == 1 and "sentinel2_export here|2015 failed" in printed and "to do:" in printed
    assert place.fusion("doctor")[0] == 1
    place.assert_clean()


@pytest.mark.parametrize("write", [service_account_file, user_file])
def test_refused_credentials_are_not_shown(signed_in, write):
    place, _, tokens = signed_in
    # A careless server that repeats what it was sent.
    tokens.refusal, tokens.words = "invalid_grant", f"{MARK}-assertion is not accepted"
    more = {"client_secret": f"{MARK}-client", "refresh_token": f"{MARK}-refresh"} if write is user_file else {}
    place.set(GOOGLE_APPLICATION_CREDENTIALS=write(place.folder, tokens, **more))
    code, printed = place.fusion("run", "--years", "2015", "--select", "sentinel2_export")
    assert code == 1 and "credentials" in printed
    code, printed = place.fusion("doctor")
    assert code == 1 and "is refused (invalid_grant)" in printed
    place.assert_clean()


class Files(LoopbackHandler):
    """Files of an archive, for those whose address is signed; whole or in ranges."""

    root: Path
    refused: set[str]

    def respond(self):
        name, _, query = self.path.lstrip("/").partition("?")
        if query != f"sig={MARK}-signature" or any(part in name for part in self.refused):
            self.send_error(403, f"{MARK}-said-by-the-server")
            return
        content = (self.root / name).read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2] or len(content))) if asked else (0, len(content) - 1)
        last = min(last, len(content) - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[first : last + 1])


@pytest.fixture
def signed_archive(place, catalog):
    """A copy of the catalog whose files lie behind signed addresses; gives what refuses files."""
    root = Path(catalog).parent
    handler = type("Handler", (Files,), {"root": root, "refused": set()})
    with LoopbackServer(handler) as server:
        for path in root.rglob("*.json"):
            told = json.loads(path.read_text())
            for asset in told.get("assets", {}).values():
                name = (path.parent / asset["href"]).resolve().relative_to(root.resolve())
                asset["href"] = f"{server.url}/{name}?sig={MARK}-signature"
            copy = place.folder / "archive" / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(json.dumps(told))
        place.set(FUSION_ARCHIVE=place.folder / "archive" / "catalog.json")
        yield handler.refused


def test_signed_addresses_of_an_archive_are_not_kept(place, signed_archive):
    code, printed = place.fusion("run", "--years", "2015", "--select", SELECTION)
    assert code == 0, printed
    place.assert_clean()


def test_signed_addresses_are_not_shown_where_files_cannot_be_read(place, signed_archive):
    signed_archive.add("avg_rad")
    code, printed = place.fusion("run", "--years", "2015", "--select", SELECTION)
    assert code == 1 and "cannot be read" in printed and "127.0.0.1" in printed
    place.assert_clean()


def test_a_ticket_finds_its_archive_again_without_keeping_the_login(catalog):
    login = dataclasses.replace(demo_request(catalog, "viirs_monthly"), archive=f"https://user:{MARK}@stac.example/v1")
    kept = Export("op", login, ("a",), "SUCCEEDED", "archive", NOON, NOON).to_dict()
    assert MARK not in json.dumps(kept)
    read = Export.from_dict(kept)
    assert with_login(read, login).request.archive == login.archive
    elsewhere = dataclasses.replace(login, archive=f"https://user:{MARK}@other.example/v1")
    assert with_login(read, elsewhere).request.archive == "https://stac.example/v1"
    assert operation_id(read.request, read.scenes) == operation_id(login, read.scenes)


def test_logins_are_no_part_of_the_engines_resource(place):
    login = dict.fromkeys(("FUSION_STORAGE", "EE_URL", "FUSION_EE_BUCKET"), f"ftp://user:{MARK}@127.0.0.1/x")
    place.set(**login)
    made = EngineResource.of(Settings.from_environment(), load_study("demo"))
    assert MARK not in repr(made)


@pytest.mark.parametrize("login", ["user:{}", "user:p@{}", "us er:p {}", "user:p/{}", "user:{}?#"])
def test_an_archive_that_needs_a_login_is_not_named_with_it(place, login):
    place.set(FUSION_ARCHIVE=f"http://{login.format(MARK)}@127.0.0.1:9/stac?key={MARK}-key")
    code, printed = place.fusion("run", "--years", "2015", "--select", "sentinel2_export")
    assert code == 1, printed
    assert place.fusion("doctor")[0] == 1
    place.assert_clean()

"""Signing in: which credentials are used, what is refused, and that none of them is ever shown."""

import json

import pytest
from google.auth.exceptions import RefreshError

from fusion_assets.errors import FusionError
from fusion_assets.imagery.earth_engine import Connection, EarthEngine, connection
from fusion_assets.imagery.earth_engine.connection import explained
from fusion_assets.resources import EngineResource
from fusion_assets.study import load_study

MARK = "MARKED-SECRET-4711"


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No credentials anywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "EE_PROJECT", "EE_URL", "FUSION_EE_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def key_file(folder, **changes):
    facts = {
        "type": "service_account", "client_email": "robot@demo.iam", "token_uri": "https://oauth2.example/token",
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n", **changes,
    }  # fmt: skip
    path = folder / "key.json"
    path.write_text(json.dumps(facts))
    return str(path)


def test_a_key_file_that_cannot_be_used_is_not_quoted(bare, tmp_path):
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file(tmp_path))
    with pytest.raises(FusionError, match="GOOGLE_APPLICATION_CREDENTIALS") as caught:
        connection._credentials("")
    assert MARK not in str(caught.value) and caught.value.__context__ is None


def test_a_key_file_comes_first(bare, tmp_path):
    stored = key_file(tmp_path, type="authorized_user", client_id="i", client_secret=MARK, refresh_token=MARK)
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", stored)
    assert connection._credentials("").refresh_token == MARK


def test_what_earthengine_authenticate_stored_is_found(bare, tmp_path):
    folder = tmp_path / ".config" / "earthengine"
    folder.mkdir(parents=True)
    (folder / "credentials").write_text(json.dumps({"refresh_token": MARK, "project": "own"}))
    bare.setattr("ee.oauth.is_valid_credentials", lambda credentials: True)  # asks Google otherwise
    assert connection._credentials("").refresh_token == MARK


def test_without_credentials_the_error_says_how_to_get_some(bare):
    bare.setattr("google.auth.default", lambda *a, **b: (_ for _ in ()).throw(_default_error()))
    with pytest.raises(FusionError, match="earthengine authenticate"):
        connection._credentials("")


def _default_error():
    from google.auth.exceptions import DefaultCredentialsError

    return DefaultCredentialsError(MARK)


def test_credentials_are_never_sent_in_clear(bare, tmp_path):
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file(tmp_path, type="authorized_user"))
    with pytest.raises(FusionError, match="an https address") as caught:
        connection._credentials(f"http://user:{MARK}@example.org")
    assert MARK not in str(caught.value)
    assert type(connection._credentials("http://127.0.0.1:1")).__name__ == "AnonymousCredentials"


@pytest.mark.parametrize(
    "error",
    [
        RefreshError("invalid_grant", {"access_token": MARK}),
        ValueError(f"Authorization: Bearer {MARK}"),
        ConnectionError(f"https://storage.example/o?signature={MARK}"),
    ],
)
def test_errors_of_the_client_are_shown_without_what_they_carry(error):
    assert MARK not in str(explained(error, "signing in"))


def test_the_resource_takes_the_place_from_its_configuration_then_from_the_environment(bare, tmp_path):
    bare.setenv("EE_PROJECT", "from-environment")
    bare.setenv("FUSION_EE_BUCKET", "gs://bucket/folder")
    made = EngineResource(engine="earth_engine", storage=str(tmp_path), ee_url="https://ee.example").client()
    assert isinstance(made, EarthEngine)
    assert made._connection == Connection("from-environment", "https://ee.example")
    assert made._folder == "gs://bucket/folder"


@pytest.mark.parametrize(("name", "codes"), [("bagmati", (21, 22, 23, 30)), ("bagmati_p2016", (2, 3))])
def test_the_studies_of_bagmati(name, codes):
    study = load_study(name)
    assert study.use("labels").recipe.built_codes == codes
    assert study.years == (2015, 2016, 2017, 2018, 2019) and study.resolution == 1000
    windows = {(study.window("sentinel2", year), study.window("night_lights", year)) for year in study.years}
    assert all(one == other and (one[0].month, one[1].month) == (7, 12) for one, other in windows)

"""Signing in: which credentials are used, what is refused, and that none of them is ever shown."""

import json
import time

import ee
import pytest
from google.auth.exceptions import RefreshError, TransportError

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, access, connection, shards
from fusion_assets.imagery.engines.earth_engine.connection import earth_engine_error
from fusion_assets.loopbacks.earth_engine.tokens import service_account_file, token_endpoint, user_file
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets_tests.whole_studies import load_study

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
        connection.credentials_for("")
    assert MARK not in str(caught.value) and caught.value.__context__ is None


def test_a_key_file_comes_first(bare, tmp_path):
    stored = key_file(tmp_path, type="authorized_user", client_id="i", client_secret=MARK, refresh_token=MARK)
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", stored)
    assert connection.credentials_for("").refresh_token == MARK


def test_what_earthengine_authenticate_stored_is_found(bare, tmp_path):
    folder = tmp_path / ".config" / "earthengine"
    folder.mkdir(parents=True)
    (folder / "credentials").write_text(json.dumps({"refresh_token": MARK, "project": "own"}))
    bare.setattr("ee.oauth.is_valid_credentials", lambda credentials: True)  # asks Google otherwise
    assert connection.credentials_for("").refresh_token == MARK


def test_without_credentials_the_error_says_how_to_get_some(bare):
    bare.setattr("google.auth.default", lambda *a, **b: (_ for _ in ()).throw(_default_error()))
    with pytest.raises(FusionError, match="earthengine authenticate"):
        connection.credentials_for("")


def _default_error():
    from google.auth.exceptions import DefaultCredentialsError

    return DefaultCredentialsError(MARK)


def test_credentials_are_never_sent_in_clear(bare, tmp_path):
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file(tmp_path, type="authorized_user"))
    with pytest.raises(FusionError, match="an https address") as caught:
        connection.credentials_for(f"http://user:{MARK}@example.org")
    assert MARK not in str(caught.value)
    assert type(connection.credentials_for("http://127.0.0.1:1")).__name__ == "AnonymousCredentials"


@pytest.mark.parametrize(
    "error",
    [
        RefreshError("invalid_grant", {"access_token": MARK}),
        ValueError(f"Authorization: Bearer {MARK}"),
        ConnectionError(f"https://storage.example/o?signature={MARK}"),
    ],
)
def test_errors_of_the_client_are_shown_without_what_they_carry(error):
    assert MARK not in str(earth_engine_error(error, "signing in"))


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (ConnectionError(), True), (TimeoutError(), True), (TransportError("no route"), True),
        (RefreshError("busy", retryable=True), True), (RefreshError("invalid_grant"), False),
        (ee.EEException("Too many concurrent aggregations."), True), (ee.EEException("Image.load: no asset"), False),
    ],
)  # fmt: skip
def test_errors_say_whether_they_may_pass(error, passing):
    assert earth_engine_error(error, "looking").transient is passing


def test_the_resource_takes_the_place_from_its_configuration_then_from_the_environment(bare, tmp_path):
    bare.setenv("EE_PROJECT", "from-environment")
    bare.setenv("FUSION_EE_BUCKET", "gs://bucket/folder")
    settings = {"engine": "earth_engine", "storage": str(tmp_path), "ee_url": "https://ee.example"}
    made = EngineResource(settings=settings).client()
    assert isinstance(made, EarthEngine)
    assert made.connection == Connection("from-environment", "https://ee.example")
    assert made.folder == "gs://bucket/folder"


@pytest.mark.parametrize(("name", "codes"), [("bagmati", (21, 22, 23, 30)), ("bagmati_p2016", (2, 3))])
def test_the_studies_of_bagmati(name, codes):
    study = load_study(name)
    assert study.use("labels").recipe.built_codes == codes
    assert study.years == (2015, 2016, 2017, 2018, 2019) and study.resolution == 1000
    windows = {(study.window("sentinel2", year), study.window("night_lights", year)) for year in study.years}
    assert all(one == other and (one[0].month, one[1].month) == (7, 12) for one, other in windows)


@pytest.fixture
def endpoint(monkeypatch):
    """A token endpoint in the place of Google's, where users' credentials are concerned."""
    with token_endpoint(MARK) as serving:
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", serving.url)
        monkeypatch.setattr("ee.oauth.TOKEN_URI", serving.url)
        yield serving


def use_service_account(bare, folder, endpoint):
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", service_account_file(folder, endpoint))


def use_user_file(bare, folder, endpoint):
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", user_file(folder, endpoint, refresh_token=MARK))


def use_earthengine_authenticate(bare, folder, endpoint):
    place = folder / ".config" / "earthengine"
    place.mkdir(parents=True)
    (place / "credentials").write_text(json.dumps({"refresh_token": MARK, "project": "own"}))


def use_application_default(bare, folder, endpoint):
    place = folder / ".config" / "gcloud"
    place.mkdir(parents=True)
    bare.setenv("CLOUDSDK_CONFIG", str(place))
    user_file(place, endpoint, refresh_token=MARK)
    (place / "user.json").rename(place / "application_default_credentials.json")


KINDS = {
    use_service_account: "service account robot@demo.iam.gserviceaccount.com (GOOGLE_APPLICATION_CREDENTIALS)",
    use_user_file: "a user's account (GOOGLE_APPLICATION_CREDENTIALS)",
    use_earthengine_authenticate: "a user's account (`earthengine authenticate`)",
    use_application_default: "a user's account (application default credentials)",
}


@pytest.mark.parametrize("use", KINDS)
def test_each_kind_of_credentials_is_tried_out_and_named(bare, tmp_path, endpoint, use):
    use(bare, tmp_path, endpoint)
    assert access.credentials(Connection()) == f"{KINDS[use]} may sign in"
    assert endpoint.requests


@pytest.mark.parametrize("use", KINDS)
def test_refused_credentials_are_named_but_not_shown(bare, tmp_path, endpoint, use):
    use(bare, tmp_path, endpoint)
    endpoint.refusal, endpoint.words = "invalid_grant", f"{MARK} has been expired or revoked"
    with pytest.raises(FusionError, match=r"refused|there are no credentials") as caught:
        access.credentials(Connection())
    assert MARK not in str(caught.value) and "authenticate" in caught.value.remedy
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_a_refusal_says_which(bare, tmp_path, endpoint):
    use_service_account(bare, tmp_path, endpoint)
    endpoint.refusal = "invalid_grant"
    with pytest.raises(FusionError, match=r"robot@demo.* is refused \(invalid_grant\)"):
        access.credentials(Connection())


def test_a_token_endpoint_that_is_down_is_not_waited_for(bare, tmp_path, endpoint):
    endpoint.url = "http://127.0.0.1:9/token"
    use_service_account(bare, tmp_path, endpoint)
    bare.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits {seconds} s to ask again"))
    with pytest.raises(FusionError, match=r"no token could be had \(TransportError\)"):
        access.credentials(Connection())


def test_what_takes_too_long_is_left_behind():
    with pytest.raises(FusionError, match=r"looking: no answer within 0.05 s"):
        access.within(lambda: time.sleep(5), "looking", 0.05)


def test_no_credential_is_looked_for_on_this_machine(bare, tmp_path):
    bare.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    assert access.credentials(Connection(url="http://127.0.0.1:1")).startswith("none are sent")


def test_a_bucket_is_read_in_the_name_of_earthengine_authenticate(bare, tmp_path, endpoint):
    bare.delenv("STORAGE_EMULATOR_HOST", raising=False)
    use_earthengine_authenticate(bare, tmp_path, endpoint)
    bucket, path = shards.open_bucket("gs://bucket/folder")
    assert bucket.storage_options["token"].refresh_token == MARK and path == "bucket/folder"
    assert shards.open_bucket("gs://bucket/folder")[0] is bucket, "its token is asked for once"
    bare.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert "token" not in shards.open_bucket("gs://bucket/folder")[0].storage_options

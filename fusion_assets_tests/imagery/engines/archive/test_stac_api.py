"""Searching STAC APIs that page, count and refuse in the ways of those that there are."""

import datetime as dt
import time
import urllib.parse

import numpy as np
import pytest
import requests
import shapely
from shapely.geometry import box

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.archive.limits import LIMITS, Limits
from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets.imagery.retries import RetryPolicy
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets_tests.imagery.archives import bare_item, write_catalog
from fusion_assets_tests.imagery.stac_server import HANG_UP, Status, collection, features, page, stac_api

AREA = box(3.05, 50.1, 3.1, 50.2)
WINDOW = (dt.date(2019, 7, 1), dt.date(2019, 12, 31))
ITEMS = [bare_item(f"item {i}") for i in range(6)]
ALL = [item.id for item in ITEMS]
JAGGED = shapely.Point(3.1, 50.2).buffer(0.1, quad_segs=2000)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)


def ids(root, collections=("a",), area=AREA, limits=LIMITS):
    return [item.id for item in find_items(root, collections, area, WINDOW, limits=limits)]


def found(answer, limits=LIMITS, **options):
    """Ids that an API's answers amount to, and the searches that it was asked."""
    with stac_api(answer, **options) as (root, searches):
        return ids(root, limits=limits), searches


def refusal(answer, area=AREA, limits=LIMITS, **options):
    """The error that an API's answers amount to, and how many searches it took."""
    with stac_api(answer, **options) as (root, searches):
        with pytest.raises(FusionError) as caught:
            ids(root, area=area, limits=limits)
        return caught.value, len(searches)


def start_of(asked, name):
    return int(asked.conditions.get(name) or 0)


def planetary_computer(asked):
    """A token in the whole body, to be sent as it is; no count."""
    first = start_of(asked, "token")
    following = {
        "href": asked.search,
        "method": "POST",
        "body": {**asked.conditions, "token": str(first + 2)},
        "merge": False,
    }
    owner = {"collection": "a", "links": [{"rel": "collection", "href": f"{asked.root}/collections/a"}]}
    given = [{**feature, **owner} for feature in features(ITEMS, first, 2)]
    return page(given, following if first + 2 < len(ITEMS) else None)


def earth_search(asked):
    """Counts twice over; the last page links to one that is empty and links no further."""
    first = start_of(asked, "next")
    count = {"numberMatched": 6, "context": {"limit": 2, "matched": 6, "returned": 2}}
    following = {"href": asked.search, "method": "POST", "merge": False}
    following["body"] = {**asked.conditions, "next": str(first + 2)}
    return page(features(ITEMS, first, 2), following if first < len(ITEMS) else None, **count)


def landsat_look(asked):
    """Pages by number, merged into the first body; counts under `meta`."""
    number = start_of(asked, "page") or 1
    following = {"href": asked.search, "method": "POST", "merge": True, "body": {"page": number + 1}}
    count = {"meta": {"found": 6, "returned": 2, "limit": 2, "page": number}}
    return page(features(ITEMS, 2 * number - 2, 2), following if number < 3 else None, **count)


def digital_earth(asked):
    """Everything in the address of the next page, even after a POST; counts in `context`."""
    first = start_of(asked, "_o")
    following = {"href": f"{asked.search}?collections=a&_o={first + 2}"}
    return page(features(ITEMS, first, 2), following if first + 2 < 6 else None, context={"matched": 6, "returned": 2})


def relative_token(asked):
    """A token in a relative address."""
    first = start_of(asked, "token")
    following = {"href": f"search?token={first + 2}", "method": "GET"}
    return page(features(ITEMS, first, 2), following if first + 2 < 6 else None, **{"search:metadata": {"matched": 6}})


def in_headers(asked):
    """A token in a header, beside the first body."""
    first = int(asked.headers.get("Search-After") or 0)
    following = {"href": asked.search, "method": "POST", "merge": True, "headers": {"Search-After": str(first + 2)}}
    return page(features(ITEMS, first, 2), following if first + 2 < 6 else None)


def two_links(asked):
    """A link for each method; that of the method used leads on with the conditions."""
    first = start_of(asked, "token")
    links = page(features(ITEMS, first, 2))
    if first + 2 < 6:
        links["links"] = [
            {"rel": "next", "href": f"{asked.search}?lost=1", "method": "GET"},
            {"rel": "next", "href": asked.search, "method": "POST", "merge": True, "body": {"token": first + 2}},
        ]
    return links


def empty_in_between(asked):
    """Filters after it pages: some pages are empty."""
    first = start_of(asked, "token")
    following = {"href": asked.search, "method": "POST", "merge": True, "body": {"token": first + 1}}
    return page(features(ITEMS, first // 3, 1) if first % 3 == 0 else [], following if first < 16 else None)


SERVERS = (
    planetary_computer, earth_search, landsat_look, digital_earth, relative_token, in_headers, two_links,
    empty_in_between,
)  # fmt: skip


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.__name__)
def test_every_item_is_found_however_a_server_pages(server):
    got, searches = found(server)
    assert got == ALL
    first = searches[0]
    assert first.method == "POST" and first.conditions["collections"] == ["a"] and first.conditions["limit"] == 200
    # Up to the midnight that the window ends with, so that its last second counts as a whole; judged here.
    assert first.conditions["datetime"] == "2019-07-01T00:00:00Z/2020-01-01T00:00:00Z"
    assert first.conditions["intersects"]["type"] == "Polygon"


@pytest.mark.parametrize("server", [digital_earth, relative_token], ids=lambda server: server.__name__)
def test_an_api_that_takes_no_post_is_asked_with_a_box_in_the_address(server):
    for methods, answer in (
        (("GET",), server),
        (("POST",), lambda asked: Status(405) if asked.method == "POST" else server(asked)),
    ):
        got, searches = found(answer, methods=methods)
        assert got == ALL and searches[-1].method == "GET"
        (first,) = [asked for asked in searches if asked.method == "GET" and "bbox" in asked.conditions]
        assert first.conditions["bbox"] == "3.05,50.1,3.1,50.2" and first.conditions["collections"] == "a"


def test_items_that_do_not_match_or_come_again_are_left_out():
    early = bare_item("too early", moment=dt.datetime(2019, 1, 1, tzinfo=dt.UTC))
    late = bare_item("midnight", moment=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    last = bare_item("last half second", moment=dt.datetime(2019, 12, 31, 23, 59, 59, 500_000, tzinfo=dt.UTC))
    got, _ = found(lambda asked: page(features([early, late, last, ITEMS[0], ITEMS[0]])))
    assert got == ["item 0", "last half second"]
    with stac_api(lambda asked: page([])) as (root, _), pytest.raises(FusionError, match="only a"):
        ids(root, ("other",))


@pytest.mark.parametrize(
    "count",
    [{"numberMatched": 6}, {"context": {"returned": 2, "matched": 6}}, {"search:metadata": {"matched": 6}},
     {"meta": {"found": 6}}],
)  # fmt: skip
def test_a_server_that_gives_fewer_items_than_it_counts_is_refused(count):
    error, searches = refusal(lambda asked: page(features(ITEMS, 0, 2), **count))
    assert "6 items match and gave 2: 4 are missing" in error.found and not error.transient and searches == 1


def test_pages_that_repeat_an_item_and_lose_another_are_refused():
    def unsorted(asked):
        first = start_of(asked, "token")
        following = {"href": asked.search, "method": "POST", "merge": True, "body": {"token": "2"}}
        given = ITEMS[:2] if not first else [ITEMS[1], ITEMS[2]]
        return page(features(given), None if first else following, numberMatched=4)

    assert "gave 3: 1 are missing" in refusal(unsorted)[0].found


def test_a_count_that_is_an_underestimate_does_no_harm():
    assert found(lambda asked: page(features(ITEMS), numberMatched=4))[0] == ALL


@pytest.mark.parametrize("changing", [False, True], ids=["same link", "changing tokens"])
def test_pages_in_circles_are_refused(changing):
    tokens = iter(range(1000))

    def circle(asked):
        body = {"token": next(tokens) if changing else 1}
        following = {"href": asked.search, "method": "POST", "merge": True, "body": body}
        return page(features(ITEMS, 0, 2), following)

    error, searches = refusal(circle)
    assert "after 2 items" in error.found and searches <= 2


def test_a_circle_with_fresh_items_in_it_is_refused():
    def circle(asked):
        other = 2 - start_of(asked, "token")
        following = {"href": asked.search, "method": "POST", "merge": True, "body": {"token": other}}
        return page(features(ITEMS, 2 - other, 2), following, numberMatched=6)

    error, searches = refusal(circle)
    assert "after 4 of 6 items" in error.found and searches <= 4


@pytest.mark.parametrize("matched", [None, 6])
def test_empty_pages_without_end_are_refused_unless_all_items_are_there(matched):
    asked_for = LIMITS.most_empty_pages + 2
    count = {} if matched is None else {"numberMatched": matched}

    def answer(asked):
        first = start_of(asked, "token")
        following = {"href": asked.search, "method": "POST", "merge": True, "body": {"token": first + 6}}
        return page(features(ITEMS, first, 6), following, **count)

    if matched:
        got, searches = found(answer)
        assert got == ALL and len(searches) == asked_for
    else:
        error, searches = refusal(answer)
        assert "empty pages follow each other, after 6 items" in error.found and searches == asked_for


def test_a_full_page_that_leads_nowhere_is_refused_unless_smaller_pages_lead_on():
    six = Limits(page_sizes=(6,))
    error, searches = refusal(lambda asked: page(features(ITEMS, 0, asked.conditions["limit"])), limits=six)
    assert "6 items, a full page" in error.found and searches == 2

    def exact(asked):
        count = asked.conditions["limit"]
        following = {"href": asked.search, "method": "POST", "merge": True, "body": {"token": count}}
        return page(features(ITEMS, 0, count), following if count < 6 else None)

    assert found(exact, six)[0] == ALL

    # A server may hold fewer to a page than it was asked for, and says so.
    def capped(asked):
        return page(features(ITEMS, 0, min(asked.conditions["limit"], 4)), context={"limit": 4})

    assert "4 items, a full page" in refusal(capped, limits=six)[0].found


def test_more_items_than_anybody_needs_are_refused():
    assert "more than 5 items" in refusal(planetary_computer, limits=Limits(most_items=5))[0].found


def test_items_of_another_collection_are_refused():
    item = {**features(ITEMS, 0, 1)[0], "collection": "b"}
    assert "item 0 of collection b" in refusal(lambda asked: page([item]))[0].found


@pytest.mark.parametrize(
    "edit", [{"properties": {}}, {"properties": {"datetime": "summer"}}, {"properties": {"datetime": None}}]
)
def test_an_item_that_cannot_be_read_is_named(edit):
    error, _ = refusal(lambda asked: page([{**features(ITEMS, 0, 1)[0], **edit}]))
    assert "item 0" in error.found


@pytest.mark.parametrize(
    "content", [b"<html>Sign in</html>", [], {"features": {}}, {"features": [{"type": "Feature"}]}]
)
def test_answers_that_are_no_items_are_refused(content):
    error, searches = refusal(lambda asked: content)
    assert "items" in error.found and searches == 1 and not error.transient


def after(failures, then=planetary_computer):
    """A server that fails in these ways at first."""
    left = list(failures)
    return lambda asked: left.pop(0) if left else then(asked)


@pytest.mark.parametrize("failure", [Status(429), Status(500), Status(502), Status(503), Status(504), HANG_UP])
def test_searches_are_asked_again_while_a_server_is_busy_or_fails(failure):
    got, searches = found(after([failure] * 3))
    assert got == ALL and len(searches) == 6


def test_a_server_may_say_how_long_to_wait_within_bounds(monkeypatch):
    waited = []
    monkeypatch.setattr(retries, "sleep", waited.append)
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    dated = Status(503, headers={"Retry-After": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")})
    unread = Status(429, headers={"Retry-After": "soon"})
    at_once = Limits(retries=RetryPolicy(pause=0))
    assert found(after([Status(429, headers={"Retry-After": "7"}), dated, unread]), at_once)[0] == ALL
    assert [pause for pause in waited if pause > 1] == [7, pytest.approx(29, abs=2)]
    error, searches = refusal(lambda asked: Status(429, headers={"Retry-After": "3600"}))
    assert error.transient and "3600 s" in error.found and searches == 1


def test_a_server_that_keeps_failing_may_be_asked_later():
    error, searches = refusal(lambda asked: Status(503, {"description": "maintenance"}))
    assert isinstance(error, Unreachable) and searches == LIMITS.retries.attempts
    assert "failed while searching a: status 503" in error.found and "maintenance" in error.found
    error, _ = refusal(lambda asked: HANG_UP)
    assert isinstance(error, Unreachable) and "hangs up" in error.found


def test_a_server_that_is_not_there_is_told_without_credentials():
    with pytest.raises(Unreachable) as caught:
        ids("http://user:secret@127.0.0.1:9/stac")
    assert "secret" not in str(caught.value) and "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("part", ["landing", "listing"])
def test_the_landing_page_and_the_collections_are_asked_for_again_too(part):
    failures = [Status(503), HANG_UP]
    got, _ = found(planetary_computer, **{part: lambda: failures.pop() if failures else None})
    assert got == ALL and not failures


@pytest.mark.parametrize(
    ("status", "words"), [(401, "credentials"), (403, "credentials"), (404, "address"), (400, "operator"), (418, "")]
)
def test_refusals_repeat_the_server_and_say_what_to_do(status, words):
    said = "no \x1b[31mway\n here: https://user:pw@host/a?key=1 " + "x" * 1000
    error, searches = refusal(lambda asked: Status(status, {"code": "Bad", "description": said}))
    assert not error.transient and searches == 1 and words in error.remedy
    assert f"status {status}" in error.found and "no way here: https://host/a xxx" in error.found
    assert len(error.found) < 600


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (400, {"code": "BadRequest", "description": "limit must be at most 50"}),
        (422, {"detail": [{"loc": ["body", "limit"], "msg": "less than or equal to 50"}]}),
        (400, {"description": "Max page size is 50"}),
        (500, {"message": "Internal server error"}),  # some fail where their answer would be too long to be sent
        (413, {"message": "Response too large"}),
    ],
)
def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(code, content):
    def answer(asked):
        return Status(code, content) if asked.conditions["limit"] > 50 else planetary_computer(asked)

    got, searches = found(answer)
    assert got == ALL and searches[-1].conditions["limit"] == 50


@pytest.mark.parametrize(
    "status",
    [
        Status(413),
        Status(400, {"description": "intersects: too many vertices"}),
        Status(422, {"detail": "bad geometry"}),
    ],
)
def test_an_outline_that_a_server_does_not_take_gives_way_to_its_box(status):
    got, searches = found(lambda asked: status if "intersects" in asked.conditions else planetary_computer(asked))
    assert got == ALL and searches[-1].conditions["bbox"] == [3.05, 50.1, 3.1, 50.2]


def test_long_outlines_are_sent_shorter_and_items_judged_by_the_outline_itself():
    near = bare_item("near")
    near.geometry = box(3.0, 50.1, 3.004, 50.104).__geo_interface__  # in the corner of the box, outside the circle
    with stac_api(lambda asked: page(features([*ITEMS, near]))) as (root, searches):
        assert ids(root, area=JAGGED) == ALL
    sent = shapely.geometry.shape(searches[0].conditions["intersects"])
    assert shapely.get_num_coordinates(sent) < 0.5 * shapely.get_num_coordinates(JAGGED)
    assert sent.contains(JAGGED) and np.allclose(sent.bounds, JAGGED.bounds, atol=1e-2)


def test_a_redirected_search_is_refused_for_its_conditions_would_be_lost():
    error, _ = refusal(
        lambda asked: (
            Status(302, headers={"Location": asked.search}) if asked.method == "POST" else page(features(ITEMS))
        )
    )
    assert "redirects searches to" in error.found


def test_a_search_ends_when_its_time_is_over():
    released = []

    def slow(asked):
        released.append(asked)
        time.sleep(0.2)
        first = start_of(asked, "token")
        following = {"href": asked.search, "method": "POST", "merge": True, "body": {"token": first + 1}}
        return page(features([bare_item(f"item {first}")]), following)

    error, _ = refusal(slow, limits=Limits(search_seconds=0.3))
    assert error.transient and len(released) <= 3


def test_an_answer_that_never_ends_is_given_up():
    limits = Limits(request_seconds=0.2, retries=RetryPolicy(attempts=2))
    error, _ = refusal(lambda asked: time.sleep(1) or page([]), limits=limits)
    assert isinstance(error, Unreachable)


def test_a_catalog_of_files_on_the_web_is_asked_again_too_and_what_is_missing_is_named(tmp_path):
    folder = tmp_path / "archive"
    write_catalog(folder, {"a": [bare_item("item 0"), bare_item("item 1")]})
    failures = [503, HANG_UP]

    class Handler(LoopbackHandler):
        def respond(self):
            file = folder / urllib.parse.unquote(self.path).lstrip("/")
            failure = failures.pop() if failures and file.name == "item 0.json" else None
            if failure is HANG_UP:
                self.hang_up()
            elif failure or not file.is_file():
                self.send(failure or 404, {})
            else:
                self.send(200, file.read_bytes())

    with LoopbackServer(Handler) as server:
        assert ids(f"{server.url}/catalog.json") == ALL[:2] and not failures
    (folder / "a/item 1/item 1.json").unlink()
    with (
        LoopbackServer(Handler) as server,
        pytest.raises(FusionError, match=r"status 404 from .*item 1\.json") as caught,
    ):
        ids(f"{server.url}/catalog.json")
    assert not caught.value.transient


@pytest.mark.parametrize(("error", "transient"), [(requests.ConnectionError(), True), (ValueError("key"), False)])
def test_signatures_that_are_not_given_are_told_without_what_was_asked(monkeypatch, error, transient):
    def sign(item):
        raise error

    monkeypatch.setattr("planetary_computer.sign", sign)
    with stac_api(planetary_computer) as (root, _), pytest.raises(FusionError, match="6 items") as caught:
        find_items(root, ["a"], AREA, WINDOW, "planetary_computer")
    assert caught.value.transient is transient and caught.value.__context__ is None


def test_collections_in_circles_are_refused():
    def listing():
        return {
            "collections": [collection("http://127.0.0.1", "a")],
            "links": [{"rel": "next", "href": "/collections"}],
        }

    error, _ = refusal(planetary_computer, listing=listing)
    assert "read already" in error.found


@pytest.mark.parametrize("words", [{"code": "TimeoutError", "description": "x"}, {"error": "x"}, {"message": "x"}, {}])
def test_an_error_that_looks_like_an_answer_is_no_empty_page(words):
    error, _ = refusal(lambda asked: words)
    assert "no page of items" in error.found and error.transient


@pytest.mark.parametrize("conforms", [None, ["https://api.stacspec.org/v1.1.0/item-search"], []])
def test_an_api_is_known_by_its_search_whatever_version_it_conforms_to(conforms):
    def landing_of(url):
        told = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "x"}
        links = [
            {"rel": "self", "href": url},
            {"rel": "root", "href": url},
            {"rel": "data", "href": f"{url}/collections"},
            {"rel": "search", "href": f"{url}/search", "method": "POST", "type": "application/geo+json"},
        ]
        return {**told, "links": links} | ({} if conforms is None else {"conformsTo": conforms})

    address = []
    with stac_api(planetary_computer, landing=lambda: landing_of(address[0])) as (url, searches):
        address.append(url)
        got = find_items(url, ["a"], AREA, WINDOW)
    assert [item.id for item in got] == ALL and searches

"""A STAC API on this machine: landing page, collections, and a search that each test answers in its own way."""

import contextlib
import json
import urllib.parse
from dataclasses import dataclass, field

from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer

HANG_UP = object()


@dataclass
class Asked:
    """One request for a search: its conditions, from the body or from the address, and headers."""

    root: str
    method: str
    conditions: dict
    headers: dict

    @property
    def search(self):
        return f"{self.root}/search"


@dataclass
class Status:
    """An answer other than 200."""

    code: int
    content: object = field(default_factory=dict)
    headers: dict = field(default_factory=dict)


def features(items, first=0, count=None):
    return [item.to_dict(include_self_link=False) for item in items[first : None if count is None else first + count]]


def page(found, following=None, **facts):
    """A page of features, with a link to the next."""
    links = [{"rel": "next", **following}] if following else []
    return {"type": "FeatureCollection", "features": found, "links": links, **facts}


def collection(root, name):
    return {
        "type": "Collection", "stac_version": "1.0.0", "id": name, "description": "x", "license": "other",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": [{"rel": "self", "href": f"{root}/collections/{name}"}, {"rel": "root", "href": root}],
    }  # fmt: skip


@contextlib.contextmanager
def stac_api(answer, methods=("POST",), landing=None, listing=None):
    """An API whose searches `answer` answers with a page, a `Status` or `HANG_UP`; yields its address and all `Asked`.

    Args:
        answer: called with each request.
        methods: that the landing page says searches take.
        landing: called before the landing page is given; what it returns, if anything, is given in its place.
        listing: the same for the list of collections.
    """
    searches = []

    class Handler(LoopbackHandler):
        def respond(self):
            place = urllib.parse.urlparse(self.path)
            root, path = server.url, place.path.rstrip("/")
            if path == "":
                self.reply((landing and landing()) or self.landing(root))
            elif path == "/collections":
                self.reply((listing and listing()) or {"collections": [collection(root, "a")], "links": []})
            elif path == "/search":
                conditions = dict(urllib.parse.parse_qsl(place.query))
                if self.command == "POST":
                    conditions |= json.loads(self.received())
                searches.append(Asked(root, self.command, conditions, dict(self.headers)))
                self.reply(answer(searches[-1]))
            else:
                self.send(404, {"code": "NotFound"})

        def reply(self, told):
            if told is HANG_UP:
                self.hang_up()
            elif isinstance(told, Status):
                self.send(told.code, told.content, headers=told.headers)
            else:
                self.send(200, told)

        def landing(self, root):
            parts = ("core", "collections", "item-search")
            search = {"rel": "search", "href": f"{root}/search", "type": "application/geo+json"}
            return {
                "type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "x",
                "conformsTo": [f"https://api.stacspec.org/v1.0.0/{part}" for part in parts],
                "links": [
                    {"rel": "self", "href": root},
                    {"rel": "root", "href": root},
                    {"rel": "data", "href": f"{root}/collections"},
                    *({**search, "method": method} for method in methods),
                ],
            }  # fmt: skip

    with LoopbackServer(Handler) as server:
        yield server.url, searches

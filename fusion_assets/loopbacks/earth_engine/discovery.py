"""The API's description, as the client asks for it: the one that its package carries, with this server's address.

The carried document describes v1alpha and lacks a few methods and parameters of v1 that the client calls.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from fusion_assets.loopbacks.earth_engine.signatures import carried

# Where the list of deprecated assets is published, below the address of the service.
DEPRECATED = "/earthengine-stac/catalog/catalog_deprecated.json"
_SUCCESSORS = {
    "COPERNICUS/S2": "COPERNICUS/S2_HARMONIZED",
    "COPERNICUS/S2_SR": "COPERNICUS/S2_SR_HARMONIZED",
    "JRC/GHSL/P2016/SMOD_POP_GLOBE_V1": "JRC/GHSL/P2023A/GHS_SMOD_V2-0",
    "JRC/GHSL/P2023A/GHS_SMOD": "JRC/GHSL/P2023A/GHS_SMOD_V2-0",
}


def deprecated() -> dict[str, Any]:
    """The list of deprecated assets, in the form of the published one."""
    links = [
        {"rel": "child", "title": name, "deprecated": True, "gee:replacement_id": successor}
        for name, successor in _SUCCESSORS.items()
    ]
    return {"type": "Catalog", "id": "deprecated", "links": links}


def document(address: str) -> dict[str, Any]:
    """The discovery document for a server at `address` (without a trailing slash)."""
    description = json.loads(carried("cloud_api_discovery_document.json").replace("v1alpha", "v1"))
    description["rootUrl"] = description["baseUrl"] = address + "/"
    projects = description["resources"]["projects"]
    methods = projects["resources"]["assets"]["methods"]
    methods["get"]["parameters"]["name"]["pattern"] = "^projects/[^/]+/assets/.*$"
    for name in ("filter", "view"):
        methods["listAssets"]["parameters"][name] = {"location": "query", "type": "string", "description": ""}
    config = {
        "id": "earthengine.projects.getConfig",
        "path": "v1/{+name}",
        "flatPath": "v1/projects/{projectsId}/config",
        "httpMethod": "GET",
        "parameterOrder": ["name"],
        "parameters": {
            "name": {"location": "path", "required": True, "type": "string", "pattern": "^projects/[^/]+/config$"}
        },
        "response": {"type": "any"},
        "description": "",
    }
    projects["methods"]["getConfig"] = _like(methods["get"], config)
    return description


def _like(model: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {**copy.deepcopy(model), **changes}

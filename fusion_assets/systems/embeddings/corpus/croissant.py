"""Croissant 1.0 metadata of a corpus, by which catalogs of data sets find it and loaders read its index.

Specification: https://docs.mlcommons.org/croissant/docs/croissant-spec.html (JSON-LD over schema.org). The index is a
file with its sum; the shards are a set of files, whose sums the index's document holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fusion_assets.imagery.credits import attributions
from fusion_assets.systems.embeddings.corpus.layout import DECIBELS, REFLECTANCE, Layout
from fusion_assets.systems.embeddings.corpus.shards import STORE
from fusion_assets.systems.embeddings.sensors import FINEST

if TYPE_CHECKING:
    import pandas as pd

CONFORMS = "http://mlcommons.org/croissant/1.0"
TERMS = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean", "M": "sc:DateTime"}
_TOLD = {
    "patch": "number of the place",
    "lon": "longitude of the centre, degrees",
    "lat": "latitude of the centre, degrees",
    "epsg": "UTM zone of the patch",
    "x": "upper left corner, metres",
    "y": "upper left corner, metres",
    "cell": "cell by which places are held back",
    "split": "train, test or buffer",
    "shard": "number of the store that holds it",
    "position": "in the arrays of the store; -1 where there is no patch",
    "state": "got, planned, or why there is no patch",
    "optics": "Sentinel-2 scene",
    "radar": "Sentinel-1 scene",
    "gap_hours": "radar minus optics",
    "clear_share": "share of clear pixels when it was planned",
    "offset": "to be added to stored optics x 1e-4",
    "shift_x": "pixels of 10 m by which the radar lies to the east of the optics",
    "shift_y": "pixels of 10 m by which the radar lies to the south of the optics",
    "correlation": "of the edges that both sensors see, at that shift",
    "flag": "what is doubtful about the alignment",
}


def croissant(
    index: pd.DataFrame,
    layout: Layout,
    *,
    name: str,
    title: str,
    file: Mapping[str, Any],
    shards: str,
    synthetic: bool = False,
) -> dict[str, Any]:
    """The metadata as a JSON-LD document.

    Args:
        index: see `index.index_table`.
        layout: of the patches.
        name: of the data set, as an identifier.
        title: for people.
        file: the index: `href`, `sha256`, `size` in bytes.
        shards: pattern that the paths of the shards' files fit, relative to this document.
        synthetic: whether the scenes are simulated.
    """
    times = [index[column].dropna() for column in ("optics_time", "radar_time")]
    days = [_day(end) for moments in times for end in (moments.min(), moments.max())]
    credit = " ".join(attributions((product, min(days), max(days)) for product in (layout.optics, layout.radar)))
    credit = "Simulated by fusion_assets." if synthetic else credit
    columns = [str(column) for column in index.columns if column != "geometry"]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": name,
        "description": f"{'SIMULATED, not measured. ' if synthetic else ''}{title}. {_layout_text(layout)}",
        "version": f"1.0.0+{layout.digest}.{str(file['sha256'])[:12]}",
        "datePublished": max(days).isoformat(),
        "license": TERMS,
        "citeAs": credit,
        "creditText": credit,
        "url": "./",
        "temporalCoverage": f"{min(days)}/{max(days)}",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "index",
                "name": "index",
                "description": "A row for every place of the plan.",
                "contentUrl": file["href"],
                "contentSize": f"{file['size']} B",
                "encodingFormat": "application/x-parquet",
                "sha256": file["sha256"],
            },
            {
                "@type": "cr:FileSet",
                "@id": "shards",
                "name": "shards",
                "description": f"Stores of patches, {STORE}: Zarr of format 3, a chunk a patch.",
                "encodingFormat": "application/vnd+zarr",
                "includes": shards,
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "places",
                "name": "places",
                "key": {"@id": "places/patch"},
                "field": [_field(column, index) for column in columns],
            }
        ],
    }


def _field(column: str, index: pd.DataFrame) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"places/{column}",
        "name": column,
        "description": _TOLD.get(column, column.replace("_", " ")),
        "dataType": _TYPES.get(index[column].dtype.kind, "sc:Text"),
        "source": {"fileObject": {"@id": "index"}, "extract": {"column": column}},
    }


def _layout_text(layout: Layout) -> str:
    parts = (f"{part.name} ({', '.join(part.bands) or 'classes'}; {part.metres} m)" for part in layout.parts)
    return (
        f"Patches of {layout.size} x {layout.size} pixels of {FINEST} m of {layout.optics} and {layout.radar} "
        f"({layout.unit}). Arrays: {'; '.join(parts)}. Optics are the numbers of the source, x {REFLECTANCE:g} + "
        f"offset; radar is in steps of {DECIBELS:g} dB."
    )


def _day(moment: Any) -> dt.date:
    import pandas as pd

    found: pd.Timestamp = pd.Timestamp(moment)
    return found.date()

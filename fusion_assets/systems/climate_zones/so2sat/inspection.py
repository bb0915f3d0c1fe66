"""What a folder of So2Sat's files holds, and whether anything may be learnt from it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.storage.disk_space import megabytes
from fusion_assets.storage.simulation import NOTICE, is_marked
from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets.systems.climate_zones.so2sat import places
from fusion_assets.systems.climate_zones.so2sat.checks import Sample, order_of, water_problem
from fusion_assets.systems.climate_zones.so2sat.files import Part, Source, find, opened, sources
from fusion_assets.systems.climate_zones.so2sat.layout import PUBLISHED


def inspect(folder: str | Path) -> dict[str, Any]:
    """Look at all files of a folder: every label and place, and a sample of patches (see `checks.sampled`).

    Args:
        folder: with the files of one version.

    Returns:
        `version`, `parts` (a document each) and `problems`: what is wrong and can be described beside the rest, as
        `found`, `expected`, `remedy`: polarisations swapped, zones in another order, codes of UTM zones that do not
        belong to the cities, and a part that is a copy of another.

    Raises:
        FusionError: what makes a description pointless: files truncated or incomplete, arrays swapped or of another
            shape, labels that are not one-hot over 17 zones, values that are not finite or scaled otherwise, a geo file
            of another length.
    """
    version, parts = find(Path(folder))
    documents = {part.name: _described(part, version) for part in parts}
    problems = [problem for document in documents.values() for problem in document.pop("problems")]
    problems += _copies(parts, [document.pop("digest") for document in documents.values()])
    told = [{"found": one.found, "expected": one.expected, "remedy": one.remedy} for one in problems]
    return {"version": version, "parts": documents, "problems": told}


def refuse(document: dict[str, Any]) -> None:
    """Stop before anything is learnt from what an inspection found wrong.

    Raises:
        FusionError: the first problem.
    """
    for problem in document["problems"]:
        raise FusionError(**problem)


def _described(part: Part, version: str) -> dict[str, Any]:
    with opened(part.path) as file:
        sen1, sen2, labels = sources(part.path, file)
        where = places.read(part, len(labels))
        samples = {"sen1": Sample.of("sen1", sen1), "sen2": Sample.of("sen2", sen2)}
        arrays = {"sen1": _stored(sen1), "sen2": _stored(sen2) | {"whole": samples["sen2"].whole}}
        synthetic = is_marked(file.attrs)
    order = order_of(samples["sen1"].values)
    counts = np.bincount(labels, minlength=len(ZONES))
    problems = [order.problem(f"{part.path}: sen1")]
    problems += [water_problem(f"{part.path}: label", samples["sen2"], labels)]
    problems += [where.problem(str(part.geo))] if where else []
    return {
        "file": part.path.name,
        "synthetic": synthetic,
        "bytes": part.path.stat().st_size,
        "patches": len(labels),
        "published": None if version.startswith("v3") else PUBLISHED.get(part.name),
        "arrays": arrays,
        "digest": samples["sen2"].digest(),
        "sampled": len(samples["sen1"].values),
        "ranges": {name: sample.rows() for name, sample in samples.items()},
        "order": {
            "complex": f"{order.complex_first} first",
            "intensities": f"{order.lee_first} first",
            "consistent": order.consistent,
            "swapped": not order.right,
            "decibels": list(order.decibels),
        },
        "classes": {zone.sign: int(count) for zone, count in zip(ZONES, counts, strict=True)},
        "cities": _cities(where),
        "places": None if where is None else {"zones": where.zones, "tfw": where.order, "named": where.named},
        "problems": [problem for problem in problems if problem],
    }


def _copies(parts: list[Part], digests: list[str]) -> list[FusionError]:
    """Parts of one split whose samples are equal: what is tested on would have been learnt from."""
    pairs = combinations(zip(parts, digests, strict=True), 2)
    return [
        FusionError(
            f"{other.path} holds the patches of {one.path}", "other patches in every part", "download both files again"
        )
        for (one, first), (other, second) in pairs
        if first == second and one.path.parent == other.path.parent
    ]


def _stored(source: Source) -> dict[str, Any]:
    dataset = source.dataset
    scaled = source.scale is not None
    return {
        "shape": list(dataset.shape),
        "dtype": str(dataset.dtype),
        "chunks": list(dataset.chunks) if dataset.chunks else None,
        "compression": dataset.compression,
        "scale": [float(value) for value in source.scale] if scaled and source.scale is not None else None,
        "offset": [float(value) for value in source.offset] if scaled and source.offset is not None else None,
    }


def _cities(where: places.Places | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    for zone in where.zones if where else []:
        counts[zone["city"]] = counts.get(zone["city"], 0) + zone["patches"]
    return counts


def inspection_text(document: dict[str, Any]) -> str:
    """An inspection as people read it."""
    lines = [f"So2Sat LCZ42, version {document['version'].removeprefix('v')}"]
    if any(part["synthetic"] for part in document["parts"].values()):
        lines += [NOTICE]
    for name, part in document["parts"].items():
        lines += ["", *_part_lines(name, part)]
    lines += ["", *(_problem_lines(document["problems"]) or ["Nothing speaks against learning from these files."])]
    return "\n".join(lines)


def _part_lines(name: str, part: dict[str, Any]) -> list[str]:
    published = part["published"]
    share = f" of the {published:,} published" if published and published != part["patches"] else ""
    lines = [f"{name}: {number_of(part['patches'], 'patch', 'patches')}{share}, {megabytes(part['bytes'])}"]
    lines += [f"  {array}  {_array_line(about)}" for array, about in part["arrays"].items()]
    lines += [f"  polarisations  {_order_line(part['order'])}"]
    lines += ["  zones  " + "  ".join(f"{sign}: {count:,}" for sign, count in part["classes"].items())]
    if part["places"] is None:
        lines += ["  places  unknown: there is no geo file, so that nothing can be said city by city"]
    else:
        lines += _place_lines(part)
    lines += [f"  values of {part['sampled']} patches: lowest, median, highest"]
    for rows in part["ranges"].values():
        lines += [f"    {row['channel']:16s}{row['low']:12.4g}{row['median']:12.4g}{row['high']:12.4g}" for row in rows]
    return lines


def _array_line(about: dict[str, Any]) -> str:
    layout = "in one piece" if about["chunks"] is None else f"in pieces of {' x '.join(map(str, about['chunks']))}"
    packed = f", {about['compression']}" if about["compression"] else ""
    scaled = "" if about["scale"] is None else f", times {about['scale'][0]:g} plus {about['offset'][0]:g}"
    if about["scale"] is not None and len(set(zip(about["scale"], about["offset"], strict=True))) > 1:
        scaled = ", a scale for every channel"
    whole = "" if about.get("whole", True) else "; times 10,000 it is not whole, as published it is"
    return f"{' x '.join(map(str, about['shape']))} {about['dtype']}{scaled}, {layout}{packed}{whole}"


def _order_line(order: dict[str, Any]) -> str:
    if not order["swapped"]:
        return "VH first, as published"
    mixed = "" if order["consistent"] else ", not those of the intensities"
    return f"SWAPPED: signals {order['complex']}{mixed}; intensities {order['intensities']}"


def _place_lines(part: dict[str, Any]) -> list[str]:
    about, cities = part["places"], part["cities"]
    told = "" if about["named"] else " (not named in the file: the nearest we know)"
    order = f", tfw as in {about['tfw']}" if about["tfw"] else ""
    lines = [f"  places  {number_of(len(cities), 'city', 'cities')}{told}{order}"]
    for zone in about["zones"]:
        at = f"{zone['longitude']:8.2f} E {zone['latitude']:7.2f} N"
        lines += [f"    {zone['city']:16s}EPSG:{zone['epsg']}{zone['patches']:10,} patches{at}{zone['km']:8,.0f} km"]
    return lines


def _problem_lines(problems: list[dict[str, str]]) -> list[str]:
    return [str(FusionError(**problem)) for problem in problems]

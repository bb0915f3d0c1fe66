"""The report on the comparison: whether it matters where sensors are joined, and what each way of asking may claim.

One HTML file that opens anywhere, offline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fusion_assets.evaluation.few_groups import MARGIN
from fusion_assets.reports.page import render
from fusion_assets.reports.source_tables import citation, software
from fusion_assets.reports.tables import table_of
from fusion_assets.systems.climate_zones import judgement, pictures, tables
from fusion_assets.systems.climate_zones.fusion_stages import RANDOM
from fusion_assets.systems.climate_zones.scores import FEWEST_CITIES
from fusion_assets.systems.climate_zones.wording import CLAIMS, SETTINGS, SPLITS, overlap_text, parts_of

HEADINGS = {
    "stages": "Where branches are joined",
    "claims": "What each way of holding patches back may claim",
    "zones": "Zone by zone",
    "cities": "City by city",
    "trust": "How sure it is, and how sure it may be",
    "costs": "What it costs",
    "cannot": "What this cannot tell",
    "sources": "What it was made from",
    "credits": "How to cite, and who is to be named",
}
ATTRIBUTION = (
    "So2Sat LCZ42 holds modified Copernicus Sentinel data of 2017; labels by the data set's authors. CC BY 4.0."
)
CITATIONS = (
    "Zhu, X. X., et al. (2020): So2Sat LCZ42, a benchmark data set for the classification of global local climate "
    "zones. IEEE Geoscience and Remote Sensing Magazine 8(3). doi:10.1109/MGRS.2020.2964708",
    "Gawlikowski, J., Schmitt, M., Kruspe, A., Zhu, X. X. (2020): On the fusion strategies of Sentinel-1 and "
    "Sentinel-2 data for local climate zone classification. IGARSS. doi:10.1109/IGARSS39084.2020.9323112",
    "Stewart, I. D., Oke, T. R. (2012): Local climate zones for urban temperature studies. Bulletin of the American "
    "Meteorological Society 93. doi:10.1175/BAMS-D-11-00019.1",
    "Schuirmann, D. J. (1987): two one-sided tests of equivalence. doi:10.1007/BF01068419",
)
_PACKAGES = ("fusion-assets", "dagster", "tensorflow", "scikit-learn", "scipy", "numpy")


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        study: name.
        title: for people.
        digest: of the study's section.
        made: day on which the page was made, ISO 8601.
        preset: of trainings.
        epochs: that a training has at most.
        seeds: trainings of each network.
        channels: `all` or `mappable`.
        synthetic: whether the patches are simulated.
        maps: what is to be known of the study's maps; empty where there is nothing.
    """

    study: str
    title: str
    digest: str
    made: str
    preset: str
    epochs: int
    seeds: int
    channels: str
    synthetic: bool = False
    maps: str = ""


def build_report(subject: Subject, document: Mapping[str, Any], patches: Mapping[str, Any]) -> str:
    """The page.

    Args:
        subject: what it is about.
        document: of `fusion_stages.study`.
        patches: document that stands for the labelled patches: `parts` and `cities`.
    """
    entries = document["settings"]
    verdict, *found = judgement.findings(document)
    study = f"{subject.study}, digest {subject.digest}"
    calibration = tables.calibration_table(document)
    return render(
        "fusion_assets.systems.climate_zones",
        title=subject.title or subject.study,
        study=subject.study,
        made=subject.made,
        synthetic=subject.synthetic,
        against=[each.sentence for each in judgement.of_document(document) if not each.passed],
        verdict=verdict,
        gap=judgement.gap(document),
        findings=found,
        headings=HEADINGS,
        splits=_splits(document),
        margin=f"{100 * MARGIN:g}",
        ceiling=f"{document['label_confidence']:.0%}",
        fewest=FEWEST_CITIES,
        stages=pictures.draw_stages(document),
        differences=[tables.differences_table(name, entry) for name, entry in entries.items() if entry["differences"]],
        points=[tables.points_table(name, entry) for name, entry in entries.items()],
        claims=[(SETTINGS[name], CLAIMS[name], overlap_text(entry)) for name, entry in entries.items()],
        confusion=pictures.draw_confusion(document),
        zones=[tables.zones_table(name, entry) for name, entry in entries.items()],
        cities=[tables.cities_table(name, entry) for name, entry in entries.items()],
        reliability=pictures.draw_reliability(document),
        coverage=pictures.draw_coverage(document),
        calibration=[calibration] if calibration else [],
        promise=_promise(document),
        costs=tables.costs_table(document),
        cannot=list(_cannot_tell(subject, document)),
        source_tables=[*tables.patches_table(patches, document), _sources_table(subject, patches, study)],
        cited=citation(subject.title or subject.study, "where sensors are joined", subject.made, study),
        attributions=[ATTRIBUTION],
        citations=list(CITATIONS),
    )


def _splits(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Splits that are compared, and what they are."""
    names = dict.fromkeys(parts_of(name)[0] for name in document["costs"])
    return [(name, SPLITS[name]) for name in names]


def _promise(document: Mapping[str, Any]) -> str:
    """What a calibration on random patches would have promised, and kept where nothing was learnt."""
    setting = judgement.strongest(document)
    entry = document["settings"][setting]
    name = judgement.reference_of(entry)
    promise, found = entry["promises"].get(name), entry["points"][name]["calibration"]
    if promise is None:
        return ""
    held = f" Calibrated on other cities instead, they hold it in {found['coverage']:.1%}." if found else ""
    overlap = overlap_text(document["settings"][RANDOM])
    return (
        f"Calibrated on random patches ({overlap}), sets hold the label in {promise['promised']:.1%} of further random "
        f"patches, but with {SETTINGS[setting]} in {promise['kept']:.1%}.{held}"
    )


def _sources_table(subject: Subject, patches: Mapping[str, Any], study: str) -> dict[str, Any]:
    rows = [
        (name, f"{part['patches']:,} patches, So2Sat {part['version']}, fingerprint {part['fingerprint']}")
        for name, part in patches["parts"].items()
    ]
    trained = (
        f"preset {subject.preset}, at most {subject.epochs} epochs; {subject.seeds} of each network; "
        f"{subject.channels} channels"
    )
    rows += [("trainings", trained), ("study", study), software(*_PACKAGES)]
    return table_of("Files, trainings, study, software", ("", ""), rows, anywhere=(1,))


def _cannot_tell(subject: Subject, document: Mapping[str, Any]) -> Iterator[str]:
    ceiling = document["label_confidence"]
    yield (
        f"How right a map is. Labels are drawn by people and agree with a second look in {ceiling:.0%} of cases; "
        "figures are agreement with labels, and above that share they say more of labels than of maps."
    )
    cities = {entry["points"][judgement.reference_of(entry)]["cities"] for entry in document["settings"].values()}
    yield (
        f"Much of other continents. The unit of all intervals is the city, and there are {max(cities)} at most in any "
        "test: cities unlike these may differ by more than intervals say."
    )
    yield (
        "Whether a stage is better by less than the margin, or where the verdict is that one cannot tell: no "
        "difference found is not equivalence shown."
    )
    yield (
        "What larger networks would do. These have five convolutions, and filters, pooling and width are ours: the "
        "source does not state them. A network that joins late is larger; only those of matched size, where a study "
        "has them, tell stage from size."
    )
    if subject.maps:
        yield f"How right the maps of this study are. {subject.maps}"
    if subject.preset == "quick":
        yield "What long training gives. The preset `quick` is half as wide and stops after a few epochs."
    if not subject.synthetic:
        yield (
            "That this software has read the published files: it was tested on files of exactly their layout, and on "
            "published predictions, not on So2Sat LCZ42 itself."
        )

"""The report on embeddings: whether an encoder is worth more than statistics, and what corpus that was found on.

One HTML file that opens anywhere, offline.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fusion_assets.imagery.credits import attributions, citations
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.reports.page import render
from fusion_assets.reports.source_tables import archive_name, citation, software
from fusion_assets.reports.tables import table_of
from fusion_assets.systems.embeddings import judgement, pictures, tables
from fusion_assets.systems.embeddings.corpus.index import GOT
from fusion_assets.systems.embeddings.wording import LABELS

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "methods": "The encoder beside what nobody has trained",
    "partners": "One sensor by the other",
    "shots": "A handful of labels",
    "corpus": "The corpus: asked for, got, missing",
    "alignment": "How the two sensors lie on each other",
    "patches": "Some patches, by both sensors",
    "cannot": "What this cannot tell",
    "sources": "What it was made from",
    "credits": "How to cite, and who is to be named",
}
CITATIONS = (
    "Bardes, A., Ponce, J., LeCun, Y. (2022): VICReg: variance-invariance-covariance regularization for "
    "self-supervised learning. ICLR. arXiv:2105.04906",
    "Hotelling, H. (1936): Relations between two sets of variates. Biometrika 28. doi:10.2307/2333955",
    "Hesterberg, T. C. (2015): What teachers should know about the bootstrap. The American Statistician 69. "
    "doi:10.1080/00031305.2015.1089789",
)
LAND = "Land mask: Natural Earth, land at 1:10,000,000 (public domain)."
OSM = "Features: (c) OpenStreetMap contributors, Open Database License 1.0 (ODbL), kept as a layer of their own."
_PACKAGES = ("fusion-assets", "dagster", "tensorflow", "scikit-learn", "scipy", "zarr", "numpy")


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        study: name.
        title: for people.
        digest: of the study's section.
        made: day on which the page was made, ISO 8601.
        products: of imagery and labels.
        osm: whether features of OpenStreetMap are among the labels.
        synthetic: whether the imagery is simulated.
    """

    study: str
    title: str
    digest: str
    made: str
    products: tuple[str, ...]
    osm: bool = False
    synthetic: bool = False


@dataclass(frozen=True)
class Findings:
    """What was stored, as loaded.

    Attributes:
        evaluation: document of the evaluation.
        index: the table of the index, a row a place of the plan.
        corpus: document beside the index.
        plan: document beside the plan.
        examples: patches to be shown.
    """

    evaluation: Mapping[str, Any]
    index: pd.DataFrame
    corpus: Mapping[str, Any]
    plan: Mapping[str, Any]
    examples: Sequence[pictures.Example] = field(default=())


def build_report(subject: Subject, findings: Findings) -> str:
    """The page.

    Args:
        subject: what it is about.
        findings: what is shown.
    """
    document, corpus = findings.evaluation, findings.corpus
    got = findings.index[findings.index["state"] == GOT]
    judged = [*judgement.of_evaluation(document), *judgement.of_corpus(corpus, findings.plan)]
    study = f"{subject.study}, digest {subject.digest}"
    title = subject.title or subject.study
    return render(
        "fusion_assets.systems.embeddings",
        title=title,
        study=subject.study,
        made=subject.made,
        synthetic=subject.synthetic,
        verdicts=judgement.answers(document),
        against=[each.sentence for each in judged if not each.passed],
        findings=list(judgement.findings(document)),
        headings=HEADINGS,
        labels=LABELS.get(document["task"]["labels"], document["task"]["labels"]),
        methods=[pictures.draw_methods(document)],
        differences=tables.differences_table(document),
        probes=list(tables.probes_tables(document)),
        partners=_known(tables.partners_table(document), tables.transfer_table(document)),
        shots=_known(tables.shots_table(document)),
        encoder=[tables.encoder_table(document)],
        losses=_known(pictures.draw_losses(document)),
        places=pictures.draw_places(got),
        corpus=[tables.states_table(corpus), tables.splits_table(got), tables.pairs_table(got)],
        gaps=_known(pictures.draw_gaps(got)),
        alignment=[tables.alignment_table(got, corpus), tables.flags_table(corpus)],
        patches=pictures.draw_patches(findings.examples),
        cannot=list(_cannot_tell(subject, document, findings.plan)),
        source_tables=[_sources_table(subject, findings.plan, corpus, study)],
        cited=citation(title, "embeddings of radar and optics", subject.made, study),
        attributions=list(_attributions(subject, findings.plan)),
        citations=[*citations(subject.products), *CITATIONS],
    )


def _known(*items: Any) -> list[Any]:
    return [item for item in items if item is not None]


def _attributions(subject: Subject, plan: Mapping[str, Any]) -> Iterator[str]:
    first, last = (dt.date.fromisoformat(day) for day in plan["period"])
    yield from attributions((product, first, last) for product in subject.products)
    yield LAND
    if subject.osm:
        yield OSM


def _sources_table(subject: Subject, plan: Mapping[str, Any], corpus: Mapping[str, Any], study: str) -> dict[str, Any]:
    rows = [(PRODUCTS[name].title, name) for name in subject.products]
    size = plan["patch_size"]
    rows += [
        ("period", " to ".join(plan["period"])),
        *((f"archive of {sensor}", archive_name(place)) for sensor, place in plan["archives"].items()),
        ("patches", f"{size} x {size} pixels of 10 m; {', '.join(plan['bands'])}; radar VV, VH in {plan['unit']}"),
        ("shards", f"{len(corpus['shards']):,}, {sum(each['size'] for each in corpus['shards'].values()):,} bytes"),
        ("study", study),
        software(*_PACKAGES),
    ]
    return table_of("Imagery, labels, study, software", ("", ""), rows, anywhere=(1,))


def _cannot_tell(subject: Subject, document: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[str]:
    task = document["task"]
    yield (
        f"Much of places unlike these. Figures are of {task['tested']:,} patches in {task['cells']:,} cells held back, "
        "and intervals are for other cells of the same kind; another climate, or land that was not drawn, may differ "
        "by more."
    )
    yield (
        "How right a map is. Labels are a product of land cover, made from imagery such as this: agreement with it is "
        "not accuracy."
    )
    if task["labels"] == "corine":
        yield (
            "Anything smaller than 25 ha: CORINE does not map it, and what is narrower than 100 m neither. Shares and "
            "sets of classes of a patch are asked about, never single pixels."
        )
    yield (
        "Which of many differences is chance. Each is judged by itself, with 95 %: of twenty one differs by chance. A "
        "difference that is not shown is no equality either."
    )
    yield (
        "What another training would give. There is one encoder, from one seed; intervals are over places, not over "
        "trainings. Longer training, more places or a larger network are other encoders."
    )
    yield (
        "What places without a patch look like. They lack a clear scene near a pass of radar, so the cloudiest land is "
        "missing more often than other land."
    )
    if plan.get("gap_hours"):
        yield (
            f"What happened between the two scenes, {plan['gap_hours']:.1f} hours in the median: floods, harvests and "
            "snow may lie in between, and the pair is then of one place and two states."
        )
    yield (
        "Whether a single patch is aligned. One patch scatters by a pixel and more, by layover and by land without "
        "edges; nothing was corrected, and only medians and the mean of a shard are to be believed."
    )
    if not subject.synthetic:
        yield "What atmosphere, seasons and incidence angle add: pairs of one season are compared as they are."

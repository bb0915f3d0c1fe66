"""What people are given: the report on embeddings."""

import datetime as dt
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.reports.server import report_url
from fusion_assets.storage.simulation import are_simulated
from fusion_assets.study import Study
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.defs.corpus import by_shard, folder_of
from fusion_assets.systems.embeddings.section import EmbeddingsUse, use_of
from fusion_assets.systems.embeddings.summary import REPORT


def report_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The report, where there are labels to judge by."""
    labels = use_of(site.study).labels
    return [] if labels.corine is None and labels.land_cover is None else [_embeddings_report(site)]


def _embeddings_report(site: Site) -> dg.AssetsDefinition:
    @site.asset("documents", None, [versions.REPORT, site.study.title], kinds={"html"})
    def embeddings_report(
        embedding_evaluation: dict, patch_plan: tuple[Table, dict], patch_index: tuple[Table, dict], patches: dict
    ) -> dg.Output[str]:
        """**Is the encoder worth more than statistics?** The answer on one page, with the corpus it was found on.

        One HTML file that opens anywhere without a network; the link works while `fusion ui` runs.
        """
        made = dt.datetime.now(dt.UTC).date().isoformat()
        page = page_of(site, made, embedding_evaluation, patch_plan[1], patch_index, patches)
        return dg.Output(
            page,
            # The same page on another day is the same page.
            data_version=dg.DataVersion(digest(page.replace(made, ""))),
            metadata={"report": dg.MetadataValue.url(report_url(REPORT)), "bytes": len(page.encode())},
        )

    return embeddings_report


def page_of(
    site: Site, made: str, evaluation: dict[str, Any], plan: dict[str, Any], index: tuple[Table, dict], patches: Any
) -> str:
    """The page, from what is stored.

    Args:
        site: of the study.
        made: day, ISO 8601.
        evaluation: document.
        plan: document beside the plan.
        index: table and document.
        patches: paths of the files of all shards, as they are loaded.
    """
    from fusion_assets.systems.embeddings import report
    from fusion_assets.systems.embeddings.examples import examples_of, shard_shown

    study, use, (table, corpus) = site.study, use_of(site.study), index
    shard = shard_shown(table)
    examples = []
    if shard is not None:
        key = use.shards[shard]
        examples = examples_of(table, shard, folder_of(site, key, by_shard(site, patches)[key]))
    subject = report.Subject(
        study=study.name,
        title=study.title,
        digest=study.digest("embeddings"),
        made=made,
        products=_products(study, use),
        osm=use.labels.osm is not None,
        synthetic=bool(evaluation.get("synthetic")) or are_simulated(table["optics"].dropna()),
    )
    return report.build_report(subject, report.Findings(evaluation, table, corpus, plan, examples))


def _products(study: Study, use: EmbeddingsUse) -> tuple[str, ...]:
    """All that went in."""
    beside = [study.products.embedding.product] if study.products.embedding is not None else []
    labels = [each.product for each in (use.labels.corine, use.labels.land_cover) if each is not None]
    return (use.sentinel1.product, use.sentinel2.product, *labels, *beside)

"""What people are given: the report on the comparison."""

import datetime as dt

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.site import Site
from fusion_assets.reports.server import report_url
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.publication import warning_of
from fusion_assets.systems.climate_zones.section import DEMO, use_of


def report_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The report."""
    return [_fusion_report(site)]


def _fusion_report(site: Site) -> dg.AssetsDefinition:
    study, use = site.study, use_of(site.study)

    @site.asset("documents", None, [versions.REPORT, study.title, warning_of(study)], kinds={"html"})
    def fusion_report(fusion_study: dict, lcz_patches: dict) -> dg.Output[str]:
        """**Does it matter where sensors are joined?** The answer on one page, and what each figure may claim.

        One HTML file that opens anywhere without a network; the link works while `fusion ui` runs.
        """
        from fusion_assets.systems.climate_zones import report

        made = dt.datetime.now(dt.UTC).date().isoformat()
        subject = report.Subject(
            study=study.name,
            title=study.title,
            digest=study.digest("climate_zones"),
            made=made,
            preset=use.preset,
            epochs=use.training.epochs,
            seeds=use.seeds,
            channels=use.channels,
            maps=warning_of(study),
            synthetic=use.source == DEMO or bool(lcz_patches.get("synthetic")),
        )
        page = report.build_report(subject, fusion_study, lcz_patches)
        return dg.Output(
            page,
            # The same page on another day is the same page.
            data_version=dg.DataVersion(digest(page.replace(made, ""))),
            metadata={"report": dg.MetadataValue.url(report_url("fusion_report")), "bytes": len(page.encode())},
        )

    return fusion_report

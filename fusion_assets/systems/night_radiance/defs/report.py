"""What people are given: a region's report."""

import datetime as dt
from functools import partial
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.partitions import EVERY_REGION, by_year
from fusion_assets.orchestration.site import Site
from fusion_assets.reports.server import report_url
from fusion_assets.storage.simulation import is_marked
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions


def report_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The report of each region."""
    return [_radiance_report(site)]


def _radiance_report(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings
    own = (requests.OPTICS_EXPORT, requests.OPTICS, requests.CELLS, requests.MAP)
    ins = {name: dg.AssetIn(partition_mapping=site.partitions.to_region) for name in own}
    # It is of all regions, and each of its years is read.
    ins[requests.EVALUATION] = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())

    @site.asset(
        "documents",
        site.partitions.region,
        [versions.REPORT, study.title, *study.titles],
        ins=ins,
        kinds={"html"},
        tags={EVERY_REGION: "true"},
        # It follows the map, which comes last.
        automation_condition=automatic(*own[:-1], requests.EVALUATION),
    )
    def radiance_report(region: str, **inputs: Any) -> dg.Output[str]:
        """**A region's nights on one page**: cells, deblurred lights and map side by side, and what they are worth.

        One HTML file that opens anywhere without a network; the link works while `fusion ui` runs.
        """
        from fusion_assets.systems.night_radiance import report

        made = dt.datetime.now(dt.UTC).date().isoformat()
        exports = [Export.from_dict(ticket) for ticket in inputs[requests.OPTICS_EXPORT].values()]
        maps, cells, use = by_year(inputs[requests.MAP]), by_year(inputs[requests.CELLS]), section.use_of(study)
        marked = any(is_marked(each.attrs) for each in (*maps.values(), *cells.values()))
        newest = maps[max(maps)].attrs
        page = report.build_report(
            report.Subject(
                study=study.name,
                title=study.title,
                region=study.region(region).called,
                digest=study.digest(),
                made=made,
                engine=settings.engine,
                footprint=float(newest["footprint_m"]),
                footprint_from=newest["footprint_source"],
                reserved=region in use.reserved,
                synthetic=marked or rests_on_simulation(study, settings, region),
            ),
            report.Findings(
                maps=maps,
                cells=cells,
                optics=by_year(inputs[requests.OPTICS]),
                evaluations=by_year(inputs[requests.EVALUATION]),
                exports=exports,
                lights=[requests.cells_request(study, settings, region, year) for year in sorted(maps)],
                told_by=partial(section.announcing_years, study),
            ),
        )
        return dg.Output(
            page,
            # The same page on another day is the same page.
            data_version=dg.DataVersion(digest(page.replace(made, ""))),
            metadata={"report": dg.MetadataValue.url(report_url(requests.REPORT, region)), "bytes": len(page.encode())},
        )

    return radiance_report

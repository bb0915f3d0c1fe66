"""Rasters that are sent to Earth Engine as image assets, and the sensor that follows them to their end.

The asset stores a ticket, as exports do. When Earth Engine has finished, the sensor runs the asset once more: then the
pixels of what is there are compared with those that were sent, and the ticket says so.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.imagery.retries import deadline, remaining
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets.orchestration.export_records import OPERATION_TAG
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.sensors import MAX_ATTEMPTS, TICK_SECONDS, TICKET_GRACE, reported, rested
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster

if TYPE_CHECKING:
    from fusion_assets.imagery.engines.earth_engine.ingestion import Ingestion, Ingestions
    from fusion_assets.imagery.engines.earth_engine.manifests import Upload

SENT = "sent"
"""Input of an upload that is the raster."""


def upload_asset(
    site: Site,
    name: str,
    upstream: str,
    *,
    upload: Callable[[Raster, str, str, str, int], "Upload"],
    partitions: dg.PartitionsDefinition | None,
    code: str,
    **spec: Any,
) -> dg.AssetsDefinition:
    """An asset that makes an image asset of a raster and stores the ticket.

    Args:
        site: whose group it is in.
        name: of the asset.
        upstream: name of the raster's asset: float bands, NaN for no data.
        upload: (raster, address of the file, digest of its pixels, region, year) to what is asked for; its `asset` is
            this one's name.
        partitions: region x year.
        code: digest of what the study says of it.
        spec: passed on to `dg.asset` (description, tags).
    """

    @site.asset("documents", partitions, code, name=name, ins={SENT: dg.AssetIn(upstream)}, **spec)
    def ticket(
        context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int, sent: Raster
    ) -> dg.Output[dict]:
        from fusion_assets.imagery.engines.earth_engine.ingested import check_asset
        from fusion_assets.imagery.engines.earth_engine.manifests import staged

        client = engine.uploads()
        tags = {key: str(value) for key, value in sent.attrs.items() if key != "nodata"}
        url, digest = staged(sent, engine.bucket, f"fusion/{upstream}/{region}/{year}", tags)
        ingestion = client.submit(upload(sent, url, digest, region, year))
        compared: dict[str, Any] = {}
        if ingestion.state == "SUCCEEDED":
            compared = check_asset(ingestion.upload.target, sent, Grid.of(sent), client.connection)
        context.log.info(f"{ingestion.upload.target}: {ingestion.state}")
        return dg.Output(
            ingestion.to_dict(),
            data_version=dg.DataVersion(ingestion.id),
            metadata={
                OPERATION_METADATA: ingestion.id,
                "state": ingestion.state,
                "target": ingestion.upload.target,
                "source": ingestion.upload.source,
                **readable(_facts(ingestion) | compared),
            },
        )

    return ticket


def uploads_of(assets: Iterable[dg.AssetsDefinition]) -> list[str]:
    """Names of all assets that `upload_asset` made."""
    return [asset.key.to_user_string() for asset in assets if SENT in asset.keys_by_input_name]


def decide(ingestion: "Ingestion", ticket: tuple[str, str] | None, now: dt.datetime) -> str:
    """What to do with an upload that has ended.

    Args:
        ingestion: that has ended.
        ticket: operation and state that the newest materialization of its asset names; None where there is none.
        now: the present moment.

    Returns:
        `compare` (run the asset once more), `again` (start another attempt), `wait` (look again at the next tick), or
        why it is left alone: `compared`, `superseded`, `failed`.
    """
    finished = ingestion.finished or ingestion.submitted
    if ticket is None or ticket[0] != ingestion.id:
        return "wait" if now - dt.datetime.fromisoformat(finished) < TICKET_GRACE else "superseded"
    if ingestion.state == "SUCCEEDED":
        return "compared" if ticket[1] == "SUCCEEDED" else "compare"
    if not kind_of(ingestion.message).retried or ingestion.attempt >= MAX_ATTEMPTS:
        return "failed"
    return "again" if rested(finished, ingestion.attempt, now) else "wait"


def finished_uploads(
    upload_assets: Collection[str], known_partition: Callable[[str, str], bool], study_name: str
) -> dg.SensorDefinition:
    """The sensor `finished_uploads`.

    Args:
        upload_assets: names of the assets that send rasters.
        known_partition: (asset, partition key) to whether the study has it.
        study_name: for the runs' tags.
    """

    @dg.sensor(
        name="finished_uploads",
        asset_selection=dg.AssetSelection.assets(*upload_assets),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has every upload that has finished compared with what was sent; says why one has failed.",
    )
    def sensor(context: dg.SensorEvaluationContext, engine: dg.ResourceParam[EngineResource]) -> dg.SensorResult:
        now = operations.utc_now()
        with deadline(TICK_SECONDS):
            client = engine.uploads()
            ended, cursor = client.finished_since(context.cursor)
            if odd := client.odd():
                context.log.warning(f"{len(odd)} records of uploads are left out; the first: {odd[0]}")
            ours = [
                each
                for each in ended
                if each.upload.asset in upload_assets and known_partition(each.upload.asset, each.upload.partition)
            ]
            decisions = {each.id: decide(each, _ticket(context.instance, each), now) for each in ours}
            for each in ours:
                if decisions[each.id] == "again" and not _tried_anew(client, each, context):
                    decisions[each.id] = "wait"
        failures = [_failure(each) for each in ours if decisions[each.id] == "failed"]
        events = [failure for failure in failures if not reported(context.instance, failure)]
        # The cursor stays at the oldest that is still unsettled, so that nothing is lost between ticks.
        unsettled = [each.finished for each in ours if each.finished and decisions[each.id] in ("wait", "compare")]
        requests = [
            dg.RunRequest(
                run_key=f"{each.id}-{each.attempt}",
                asset_selection=[dg.AssetKey(each.upload.asset)],
                partition_key=each.upload.partition,
                tags={OPERATION_TAG: each.id, "fusion/study": study_name},
            )
            for each in ours
            if decisions[each.id] == "compare"
        ]
        cursor = min([cursor, *unsettled])
        if requests or events:
            return dg.SensorResult(run_requests=requests, asset_events=events, cursor=cursor)
        told = ", ".join(f"{count} {decision}" for decision, count in sorted(Counter(decisions.values()).items()))
        return dg.SensorResult(
            skip_reason=dg.SkipReason(f"No upload to compare: {told or 'none known'}."), cursor=cursor
        )

    return sensor


def _ticket(instance: dg.DagsterInstance, ingestion: "Ingestion") -> tuple[str, str] | None:
    """Operation and state that the newest materialization at an upload's place names."""
    upload = ingestion.upload
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(upload.asset), asset_partitions=[upload.partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].event_log_entry.asset_materialization if records else None
    if made is None:
        return None
    values = (made.metadata.get(key) for key in (OPERATION_METADATA, "state"))
    operation, state = (str(value.value) if value is not None else "" for value in values)
    return operation, state


def _tried_anew(client: "Ingestions", ingestion: "Ingestion", context: dg.SensorEvaluationContext) -> bool:
    """Start another attempt; what goes wrong is logged, keeps no other waiting, and is looked at again."""
    place = f"{ingestion.upload.asset} {ingestion.upload.partition}"
    if remaining() <= 0:
        return False
    try:
        client.resubmit(ingestion)
    except FusionError as error:
        context.log.warning(f"{place}: failed ({ingestion.message}), and could not be tried anew: {error}")
        return False
    except Exception as error:
        # Errors of other kinds may quote requests, and those carry tokens.
        problem = type(error).__name__
        context.log.error(f"{place}: failed ({ingestion.message}), and could not be tried anew: {problem}")
        return False
    context.log.info(f"{place}: attempt {ingestion.attempt} failed ({ingestion.message}); tried anew")
    return True


def _failure(ingestion: "Ingestion") -> dg.AssetObservation:
    """What people see on the upload's asset when asking again cannot help."""
    kind = kind_of(ingestion.message)
    return dg.AssetObservation(
        ingestion.upload.asset,
        partition=ingestion.upload.partition,
        description=f"The upload failed ({kind.name}): {ingestion.message}",
        metadata={
            OPERATION_METADATA: ingestion.id,
            "state": "FAILED",
            "kind": kind.name,
            "message": ingestion.message,
            "to_do": ingestion.failure().remedy,
            **readable(_facts(ingestion)),
        },
    )


def _facts(ingestion: "Ingestion") -> dict[str, Any]:
    facts = {"attempt": ingestion.attempt, "task": ingestion.operation.rsplit("/", 1)[-1], **ingestion.facts}
    # One kind of number throughout, so that the UI plots it.
    return facts | ({"eecu_seconds": float(facts["eecu_seconds"])} if "eecu_seconds" in facts else {})

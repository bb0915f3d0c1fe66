"""Rasters that are sent to Earth Engine as image assets, and the sensor that follows them to their end.

The asset stores a ticket, as exports do. When Earth Engine has finished, the sensor, or whoever runs the project from
the command line once more, runs the asset again: then the pixels of what is there are compared with those that were
sent, and the ticket says so.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.imagery.retries import deadline, remaining
from fusion_assets.orchestration.engine_assets import FLAGS_METADATA, OPERATION_METADATA, STATE_METADATA, ticket_of
from fusion_assets.orchestration.metadata import listed, readable
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.ticks import (
    MAX_ATTEMPTS,
    TICK_SECONDS,
    TICKET_GRACE,
    Ended,
    failure_of,
    rested,
    tick_result,
    trying_anew,
)
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
        flags = list(_flags(ingestion))
        for flag in flags:
            context.log.warning(flag)
        where = {"target": ingestion.upload.target, "source": ingestion.upload.source}
        facts = {**where, **readable(_facts(ingestion) | compared), FLAGS_METADATA: listed(flags)}
        return ticket_of(ingestion, facts)

    return ticket


def uploads_of(assets: Iterable[dg.AssetsDefinition]) -> list[str]:
    """Names of all assets that `upload_asset` made."""
    return [asset.key.to_user_string() for asset in assets if _is_upload(asset)]


def why_unsettled(asset: dg.AssetsDefinition, ticket: Callable[[], Mapping[str, Any]]) -> str:
    """Why an upload that is up to date by all records must be looked at again; empty where it has been compared.

    Args:
        asset: of any kind.
        ticket: gives what it has stored.
    """
    if not _is_upload(asset) or ticket()["state"] == "SUCCEEDED":
        return ""
    return "it had not ended when it was last looked at"


def _is_upload(asset: dg.AssetsDefinition) -> bool:
    return SENT in asset.keys_by_input_name


def decide(ingestion: "Ingestion", ticket: tuple[str, str] | None, now: dt.datetime) -> str:
    """What to do with an upload that has ended.

    Args:
        ingestion: that has ended.
        ticket: operation and state that the newest materialization of its asset names; None where there is none.
        now: the present moment.

    Returns:
        `request` (run the asset once more, to compare), `again` (start another attempt), `wait` (look again at the next
        tick), or why it is left alone: `compared`, `superseded`, `failed`.
    """
    finished = ingestion.finished or ingestion.submitted
    if ticket is None or ticket[0] != ingestion.id:
        return "wait" if now - dt.datetime.fromisoformat(finished) < TICKET_GRACE else "superseded"
    if ingestion.state == "SUCCEEDED":
        return "compared" if ticket[1] == "SUCCEEDED" else "request"
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
            finished, cursor = client.finished_since(context.cursor)
            if odd := client.odd():
                context.log.warning(f"{len(odd)} records of uploads are left out; the first: {odd[0]}")
            ours = [
                each
                for each in finished
                if each.upload.asset in upload_assets and known_partition(each.upload.asset, each.upload.partition)
            ]
            decisions = {each.id: decide(each, _ticket(context.instance, each), now) for each in ours}
            for each in ours:
                if decisions[each.id] == "again" and not _tried_anew(client, each, context):
                    decisions[each.id] = "wait"
        ended = [
            Ended(
                id=each.id,
                asset=each.upload.asset,
                partition=each.upload.partition,
                finished=each.finished,
                decision=decisions[each.id],
                run_key=f"{each.id}-{each.attempt}",
            )
            for each in ours
        ]
        failures = [_failure(each) for each in ours if decisions[each.id] == "failed"]
        return tick_result(ended, failures, cursor, context.instance, study_name, "No upload to compare")

    return sensor


def _ticket(instance: dg.DagsterInstance, ingestion: "Ingestion") -> tuple[str, str] | None:
    """Operation and state that the newest materialization at an upload's place names."""
    upload = ingestion.upload
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(upload.asset), asset_partitions=[upload.partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].event_log_entry.asset_materialization if records else None
    if made is None:
        return None
    values = (made.metadata.get(key) for key in (OPERATION_METADATA, STATE_METADATA))
    operation, state = (str(value.value) if value is not None else "" for value in values)
    return operation, state


def _tried_anew(client: "Ingestions", ingestion: "Ingestion", context: dg.SensorEvaluationContext) -> bool:
    """Start another attempt; what goes wrong is logged, keeps no other waiting, and is looked at again."""
    if remaining() <= 0:
        return False
    place = f"{ingestion.upload.asset} {ingestion.upload.partition}"
    with trying_anew(place, ingestion.message, context):
        client.resubmit(ingestion)
        context.log.info(f"{place}: attempt {ingestion.attempt} failed ({ingestion.message}); tried anew")
        return True
    return False


def _failure(ingestion: "Ingestion") -> dg.AssetObservation:
    upload, to_do = ingestion.upload, ingestion.failure().remedy
    facts = _facts(ingestion)
    return failure_of("upload", upload.asset, upload.partition, ingestion.id, ingestion.message, to_do, facts)


def _flags(ingestion: "Ingestion") -> Iterator[str]:
    """What whoever has sent a raster should know of it."""
    if ingestion.message:
        yield f"{ingestion.upload.target}: {ingestion.message}"
    if ingestion.open:
        now = f"{ingestion.upload.target} is {ingestion.state.lower()} on Earth Engine, and not compared yet"
        yield f"{now}: the sensor finished_uploads has that done, or another run"


def _facts(ingestion: "Ingestion") -> dict[str, Any]:
    facts = {"attempt": ingestion.attempt, "task": ingestion.operation.rsplit("/", 1)[-1], **ingestion.facts}
    # One kind of number throughout, so that the UI plots it.
    return facts | ({"eecu_seconds": float(facts["eecu_seconds"])} if "eecu_seconds" in facts else {})

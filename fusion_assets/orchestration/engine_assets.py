"""Assets that come straight from an engine: exports, composites and label rasters, for any system of this project."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.imagery.engines.protocol import (
    NOT_PIXELS,
    CompositeEngine,
    Export,
    ExportRequest,
    SeriesEngine,
    State,
    series_only,
)
from fusion_assets.imagery.engines.tolerance import tolerating
from fusion_assets.imagery.engines.waiting import submit_when_possible, wait_for
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.orchestration.metadata import listed, readable
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile
from fusion_assets.redaction import public_url

# Metadata of tickets and pixels that names the engine's operation; the sensor compares the two.
OPERATION_METADATA = "operation"
# Metadata of tickets: the operation's state when it was looked at.
STATE_METADATA = "state"
# Metadata of tickets and pixels that lists what is doubtful, a line each.
FLAGS_METADATA, DOUBTS_METADATA, UNREADABLE_METADATA = "flags", "doubts", "unreadable"
# Input of pixels that is their ticket.
TICKET = "ticket"
# How long pixels wait for an engine within one run; the sensor collects what takes longer.
WAIT_LIMIT_SECONDS = 2 * 3600
T = TypeVar("T")
Write = Callable[[Raster, Export, list[str]], RasterFile]


class Operation(Protocol):
    """What an engine has accepted: an export or an upload."""

    @property
    def id(self) -> str:
        """Equal for equal requests."""

    @property
    def state(self) -> State:
        """When it was last looked at."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""


def export_asset(
    site: Site,
    name: str,
    *,
    request: Callable[[str, int], ExportRequest],
    partitions: dg.PartitionsDefinition | None,
    code: str,
    **spec: Any,
) -> dg.AssetsDefinition:
    """An asset that asks the engine for one product and stores the ticket.

    Args:
        site: whose group it is in.
        name: of the asset.
        request: (region, year) to the request.
        partitions: region x year.
        code: digest of the recipe and of what the study says of it.
        spec: passed on to `dg.asset` (description, tags).
    """

    @site.asset("documents", partitions, code, name=name, **spec)
    def ticket(context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int) -> dg.Output[dict]:
        current = request(region, year)
        client = _composites(engine, current)
        export = submit_when_possible(client, current, WAIT_LIMIT_SECONDS, context.log.info)
        first, last = export.request.window
        for flag in export.flags:
            context.log.warning(flag)
        facts = {
            "scenes": len(export.scenes),
            "window": f"{first} to {last}",
            "product": dg.MetadataValue.url(PRODUCTS[export.request.product].source),
            **readable(client.facts(export)),
            FLAGS_METADATA: listed(export.flags),
        }
        return ticket_of(export, facts)

    return ticket


def ticket_of(operation: Operation, facts: Mapping[str, Any]) -> dg.Output[dict]:
    """What an asset stores of an operation of the engine.

    Args:
        operation: as it is now.
        facts: metadata beside its id and state, by which sensors know it.
    """
    return dg.Output(
        operation.to_dict(),
        data_version=dg.DataVersion(operation.id),
        metadata={OPERATION_METADATA: operation.id, STATE_METADATA: operation.state, **facts},
    )


def pixel_asset(
    site: Site,
    name: str,
    upstream: str,
    *,
    request: Callable[[str, int], ExportRequest],
    write: Write,
    partitions: dg.PartitionsDefinition | None,
    code: str,
    **spec: Any,
) -> dg.AssetsDefinition:
    """An asset that collects a finished export and stores its pixels.

    Args:
        site: whose group it is in; its study says how many scenes may be unreadable.
        name: of the asset.
        upstream: name of the export asset.
        request: (region, year) to the request; the ticket must be for exactly this.
        write: (lazy pixels, export, lines about scenes left out) to the written raster.
        partitions: region x year.
        code: digest of the recipe and of what the study says of it.
        spec: passed on to `dg.asset`.
    """

    @site.asset(
        "rasters",
        partitions,
        code,
        name=name,
        ins={TICKET: dg.AssetIn(upstream)},
        pool="imagery",
        **spec,
    )
    def pixels(
        context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int, ticket: dict
    ) -> dg.Output[RasterFile]:
        export, current = Export.from_dict(ticket), request(region, year)
        _check_same_request(export.request, current, upstream)
        export = with_login(export, current)
        client = _composites(engine, current)
        engine.connect_dask()
        export = _finished(client, export, context.log.info)
        raster, left_out = realise(client, export, write, site.study.max_unreadable_share)
        doubts = client.doubts(export.request)
        for line in (*(f"left out: {problem}" for problem in left_out), *doubts):
            context.log.warning(line)
        return dg.Output(
            raster,
            data_version=dg.DataVersion(raster.digest),
            metadata={
                OPERATION_METADATA: export.id,
                "scenes": len(export.scenes) - len(left_out),
                **_unreadable(left_out),
                DOUBTS_METADATA: listed(doubts),
                "engine": client.name,
                STATE_METADATA: export.state,
                **readable(client.facts(export)),
            },
        )

    return pixels


def tickets_of(assets: Iterable[dg.AssetsDefinition]) -> dict[str, str]:
    """Export asset by pixel asset, of all that `pixel_asset` made."""
    return {
        asset.key.to_user_string(): asset.keys_by_input_name[TICKET].to_user_string()
        for asset in assets
        if TICKET in asset.keys_by_input_name
    }


def _composites(engine: EngineResource, request: ExportRequest) -> CompositeEngine:
    client = engine.composites()
    if client is None:
        raise series_only(engine.client().name, f"{request.asset} {request.partition}")
    return client


def with_login(export: Export, current: ExportRequest) -> Export:
    """The export with the address of its archive as the settings have it: tickets are stored without logins."""
    if export.request.archive != public_url(current.archive):
        return export
    return dataclasses.replace(export, request=dataclasses.replace(export.request, archive=current.archive))


def _finished(client: CompositeEngine, export: Export, say: Callable[[str], None]) -> Export:
    """The export when it has finished: in a run that submits and collects, the pixels wait for the engine.

    Raises:
        FusionError: it failed, or is not finished within the limit.
    """

    def progress(exports: Sequence[Export], waited: float) -> None:
        if waited:
            say(f"{exports[0].state.lower()} on {client.name} after {waited:.0f} s")

    (present,) = wait_for(client, [export], WAIT_LIMIT_SECONDS, progress)
    if present.state == "FAILED":
        raise FusionError(
            f"the export of {export.request.partition} failed: {present.message}",
            "an export that succeeds",
            kind_of(present.message).advice,
        )
    return present


def realise(
    engine: CompositeEngine,
    export: Export,
    write: Callable[[Raster, Export, list[str]], T],
    tolerance: float,
) -> tuple[T, list[str]]:
    """Write an export's pixels; scenes that cannot be read are left out as far as the study tolerates.

    Args:
        engine: that ran the export.
        export: finished.
        write: see `pixel_asset`.
        tolerance: largest share of scenes that may be unreadable, 0 to 1.

    Returns:
        What was written and, for each scene left out, a line saying why.

    Raises:
        FusionError: more scenes unreadable than tolerated; names the files.
    """
    return tolerating(
        lambda left_out: write(engine.collect(export, left_out), export, list(left_out.values())),
        lambda: {**dict.fromkeys(export.scenes), **engine.unreadable(export)},
        export.request.partition,
        tolerance,
    )


def realise_at_once(
    engine: EngineResource,
    request: ExportRequest,
    write: Callable[[Raster, Export, list[str]], T],
    tolerance: float,
    say: Callable[[str], None],
) -> tuple[T, Export, list[str]]:
    """Ask for pixels, wait for them and write them, without a ticket of their own.

    Args:
        engine: as the code location has it.
        request: for the pixels.
        write: see `pixel_asset`.
        tolerance: largest share of scenes that may be unreadable, 0 to 1.
        say: told how it goes.

    Returns:
        What was written, the finished export and, for each scene left out, a line saying why.

    Raises:
        FusionError: no scenes, a failed export, or more scenes unreadable than tolerated.
    """
    client = _composites(engine, request)
    engine.connect_dask()
    export = _finished(client, submit_when_possible(client, request, WAIT_LIMIT_SECONDS, say), say)
    made, left_out = realise(client, export, write, tolerance)
    return made, export, left_out


def realise_series(
    engine: SeriesEngine,
    request: ExportRequest,
    make: Callable[[Collection[str]], T],
    tolerance: float,
    warn: Callable[[str], None],
) -> tuple[T, dict[str, dg.MetadataValue]]:
    """Write a series; scenes that cannot be read are left out as far as the study tolerates.

    Args:
        engine: that gives it.
        request: for it.
        make: writes it, without the scenes of these ids.
        tolerance: largest share of scenes that may be unreadable, 0 to 1.
        warn: told what is left out.

    Returns:
        What was made, and metadata: engine and scenes left out.

    Raises:
        FusionError: more scenes unreadable than tolerated; names the files.
    """
    made, left_out = tolerating(make, lambda: engine.readability(request), request.partition, tolerance)
    doubts = engine.doubts(request)
    for line in (*(f"left out: {problem}" for problem in left_out), *doubts):
        warn(line)
    return made, {**readable({"engine": engine.name}), **_unreadable(left_out), DOUBTS_METADATA: listed(doubts)}


def _unreadable(left_out: list[str]) -> dict[str, dg.MetadataValue]:
    """Metadata of pixels: scenes that could not be read, and why."""
    return {"unreadable_scenes": dg.MetadataValue.int(len(left_out)), UNREADABLE_METADATA: listed(left_out)}


def _check_same_request(stored: ExportRequest, expected: ExportRequest, upstream: str) -> None:
    if stored.recipe_digest != expected.recipe_digest:
        was, now = stored.to_dict(), expected.to_dict()
        changed = [key for key in now if was.get(key) != now[key] and key not in NOT_PIXELS]
        raise FusionError(
            f"the stored {upstream} of {stored.partition} asked for something else "
            f"(recipe {stored.recipe_digest}; differs in {', '.join(changed)})",
            f"recipe {expected.recipe_digest}, as the study now says",
            f"materialize {upstream} of {expected.partition} again, or point FUSION_STORAGE at this "
            "study's own storage",
        )

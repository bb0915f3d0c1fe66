"""What happens by the calendar: once a year, every system asks for last year, for every region."""

import dagster as dg

from fusion_assets.orchestration.jobs import AssetJob
from fusion_assets.orchestration.partitions import key_of
from fusion_assets.study import Study

# Mid-February: the last monthly night lights of a year appear some weeks after it ends.
YEARLY_CRON = "0 6 15 2 *"


def yearly_runs(study: Study, job: AssetJob, partitions: dg.PartitionsDefinition) -> dg.ScheduleDefinition:
    """The schedule that runs a job for last year; it skips a year that the job does not cover, saying so.

    Args:
        study: whose regions are asked for.
        job: of assets by region and year; `request_X` is scheduled as `yearly_X`.
        partitions: of its assets.
    """
    name = f"yearly_{job.name.removeprefix('request_')}"

    @dg.schedule(
        name=name,
        cron_schedule=YEARLY_CRON,
        job=job,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Every 15 February, runs `{job.name}` of the year before for every region of the study.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        year = context.scheduled_execution_time.year - 1
        keys = [key_of(region.name, year) for region in study.regions]
        if not all(partitions.has_partition_key(key) for key in keys):
            covered = sorted({key.rpartition("|")[2] for key in map(str, partitions.get_partition_keys())})
            return dg.SkipReason(
                f"{year} is outside what {job.name} of study {study.name} covers ({', '.join(covered)}); add it to "
                "prediction_years, or use {from: ..., to: latest}, and reload the code location"
            )
        return [dg.RunRequest(run_key=str(key), partition_key=key, tags={"fusion/study": study.name}) for key in keys]

    return schedule

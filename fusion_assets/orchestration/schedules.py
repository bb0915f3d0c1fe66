"""What happens by the calendar: once a year, last year's exports for every region."""

import dagster as dg

from fusion_assets.orchestration.jobs import AssetJob
from fusion_assets.orchestration.partitions import key_of
from fusion_assets.study import Study

# Mid-February: the last monthly night lights of a year appear some weeks after it ends.
YEARLY_CRON = "0 6 15 2 *"


def yearly_exports(study: Study, job: AssetJob) -> dg.ScheduleDefinition:
    """The schedule that requests last year's exports; it skips a year that the study does not cover, saying so."""

    @dg.schedule(
        name="yearly_exports",
        cron_schedule=YEARLY_CRON,
        job=job,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every 15 February, requests last year's exports for every region of the study.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        year = context.scheduled_execution_time.year - 1
        if year not in study.years:
            covered = ", ".join(map(str, study.years))
            return dg.SkipReason(
                f"{year} is outside study {study.name} ({covered}); add it to prediction_years, or use "
                "{from: ..., to: latest}, and reload the code location"
            )
        return [
            dg.RunRequest(
                run_key=f"{region.name}|{year}",
                partition_key=key_of(region.name, year),
                tags={"fusion/study": study.name},
            )
            for region in study.regions
        ]

    return schedule

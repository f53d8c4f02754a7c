"""Both daily lines at 08:00 institution time, for today. A calendar that has ended is backfilled, never scheduled."""

import dagster as dg

from oulad_platform.defs.jobs import ENROLLMENT_DAILY, SUCCESS_DAILY
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings

EIGHT_O_CLOCK = "0 8 * * *"


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    return [_daily(job_name, settings) for job_name in (ENROLLMENT_DAILY, SUCCESS_DAILY)]


def _daily(job_name: str, settings: Settings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job_name}_at_eight",
        job_name=job_name,
        cron_schedule=EIGHT_O_CLOCK,
        execution_timezone=settings.institution_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED,
    )
    def at_eight(context: dg.ScheduleEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.date()
        newest = platform.newest_day(today)
        if newest < today:
            return dg.SkipReason(
                f"The data's calendar ended on {newest}: run its history as a backfill, or replay it with OULAD_REPLAY_TODAY"
            )
        return dg.RunRequest(run_key=today.isoformat(), partition_key=today.isoformat())

    return at_eight

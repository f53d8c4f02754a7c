"""Both daily lines at 08:00 institution time, for today; housekeeping on Sunday nights.

A calendar that has ended is backfilled, never scheduled.
"""

import dagster as dg

from oulad_platform.defs.jobs import ENROLLMENT_DAILY, SUCCESS_DAILY, Housekeeping, housekeeping
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings

EIGHT_O_CLOCK, SUNDAY_NIGHT = "0 8 * * *", "0 3 * * SUN"


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    jobs = (ENROLLMENT_DAILY, SUCCESS_DAILY) if settings.has_campus else (ENROLLMENT_DAILY,)
    return [*(_daily(job_name, settings) for job_name in jobs), _weekly_housekeeping(settings)]


def _daily(job_name: str, settings: Settings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job_name}_at_eight",
        job_name=job_name,
        cron_schedule=EIGHT_O_CLOCK,
        execution_timezone=settings.institution_timezone,
        default_status=_status(settings),
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


def _weekly_housekeeping(settings: Settings) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="housekeeping_on_sundays",
        job=housekeeping,
        cron_schedule=SUNDAY_NIGHT,
        execution_timezone=settings.institution_timezone,
        default_status=_status(settings),
        run_config=dg.RunConfig(ops={"remove_old_files": Housekeeping(dry_run=False)}),
    )


def _status(settings: Settings) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED

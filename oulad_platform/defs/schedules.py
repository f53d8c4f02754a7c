"""Both daily lines at 08:00 institution time, for today; housekeeping on Sunday nights.

The models are trained in the same run, before anybody is scored, when presentations have closed since or their drift was
alarming. When the calendar has ended, the success line goes on while results arrive, the enrollment line where a registrar's own
source is asked; after that the history is backfilled, never scheduled.
"""

from datetime import date, timedelta

import dagster as dg

from oulad_platform.core.alerts import drift_begins
from oulad_platform.defs.io_managers import stored_models
from oulad_platform.defs.jobs import ENROLLMENT_DAILY, SUCCESS_DAILY, Housekeeping, housekeeping, without_training
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.success.modelling.cohorts import versions
from oulad_platform.success.modelling.inputs import PROTECTED
from oulad_platform.success.presentation import label
from oulad_platform.success.tables import RISK_ALERTS

EIGHT_O_CLOCK, SUNDAY_NIGHT = "0 8 * * *", "0 3 * * SUN"
RESULTS_ARRIVE = timedelta(days=180)


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
        ended = platform.calendar_day(today)
        if due_day(job_name, settings, ended, today) < today:
            return dg.SkipReason(
                f"The data's calendar ended on {ended}: run its history as a backfill, or replay it with OULAD_REPLAY_TODAY"
            )
        request = dg.RunRequest(run_key=today.isoformat(), partition_key=today.isoformat())
        if job_name != SUCCESS_DAILY:
            return request
        if reason := why_train(platform, today):
            return request._replace(tags={"training": reason})
        return request._replace(asset_selection=without_training(context.repository_def))

    return at_eight


def due_day(job_name: str, settings: Settings, calendar_day: date, today: date) -> date:
    """The newest day for which the job is asked, up to `today`; `calendar_day`: that, or the last day of the campus's calendar.

    A registrar's own source has something to say every day. Results arrive after a term, and close its experiments.
    """
    if job_name == SUCCESS_DAILY:
        return min(today, calendar_day + RESULTS_ARRIVE)
    return today if settings.registrar_kind != "replay" else calendar_day


def why_train(platform: Platform, today: date) -> str:
    """Why the models are to be trained before `today` is scored; empty when they are not.

    They never were or cannot be read, cohorts closed since with enough outcomes, settings changed, or drift began
    to alarm yesterday.
    """
    from oulad_platform.success.modelling.model import CHALLENGER, ModelError, shortfall

    try:
        models = stored_models(platform)
    except MissingFileError:
        return "never trained"
    except (StorageError, ModelError):
        return "the stored models cannot be read"
    settings, tables = platform.settings, platform.campus().tables()
    outcomes = tables["student_info"].assign(label=label(tables["student_info"])).dropna(subset="label")
    due = [one for one in versions(tables["courses"], today) if one.name not in models]
    closed = [one.name for one in due if not shortfall(outcomes, one)]
    if closed:
        return f"closed: {', '.join(closed)}"
    leading = [model for model in models.values() if model.learner.kind != CHALLENGER]
    reads_protected = any(PROTECTED & set(model.features) for model in leading)
    if leading and (
        reads_protected != settings.predict_with_protected
        or any(model.learner.backend != settings.model_backend for model in leading)
    ):
        return "settings changed"
    drifted = drift_begins(platform.database.read(RISK_ALERTS), today - timedelta(days=1))
    return f"drift: {', '.join(drifted)}" if drifted else ""


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

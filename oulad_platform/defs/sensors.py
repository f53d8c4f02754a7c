"""What is due is delivered; a failed run and a table that stays old become alerts."""

import logging
from datetime import UTC, date, datetime

import dagster as dg

from oulad_platform.core import calendar, logs
from oulad_platform.core.alerts import failure_alert, stale_alert
from oulad_platform.defs import delivery
from oulad_platform.defs.catalog import entry
from oulad_platform.defs.jobs import ENROLLMENT_DAILY, SUCCESS_DAILY, deliver_messages
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.schedules import due_day
from oulad_platform.defs.snapshots import HeldBackError
from oulad_platform.enrollment.reporting.briefing import error_notice
from oulad_platform.settings import Settings
from oulad_platform.sources.tables import COURSES
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.storage.outbox import CRASHED_AFTER

UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
MADE_BY = {
    ENROLLMENT_DAILY: entry("enrollment", "enrollment_snapshots"),
    SUCCESS_DAILY: entry("success", "student_risk_daily"),
}


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    status = dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(job=deliver_messages, minimum_interval_seconds=60, default_status=status)
    def waiting_messages(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.RunRequest | dg.SkipReason:
        """One run while an alert or a message is due; what a server refused comes due again after a while."""
        logs.write("outboxes_checked", logging.INFO, delivery.unsent(platform))
        lately = datetime.now(UTC) - CRASHED_AFTER  # a run that a power cut ended stays unfinished for ever
        running = dg.RunsFilter(job_name=deliver_messages.name, statuses=UNFINISHED, updated_after=lately)
        if context.instance.get_runs_count(running):
            return dg.SkipReason("A run is delivering")
        return dg.RunRequest() if delivery.is_anything_due(platform) else dg.SkipReason("Nothing is due")

    @dg.sensor(minimum_interval_seconds=900, default_status=status)
    def stale_tables(platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
        """An alert for each daily table that has nothing of today after STALE_AFTER_HOUR, once a day."""
        now = datetime.now(UTC).astimezone(calendar.timezone(settings.institution_timezone))
        if now.hour < settings.stale_after_hour:
            return dg.SkipReason(f"Today's tables are expected by {settings.stale_after_hour}:00")
        stale = []
        for job_name, of in MADE_BY.items():
            if of.line == "success" and not settings.has_campus:
                continue
            newest = max(platform.stored_days(of), default=None)
            if newest is None or newest < _expected(platform, job_name, now.date()):
                delivery.record(platform, stale_alert(of.table.name, newest, now.date()))
                stale.append(of.table.name)
                logs.tell("table_stale", logging.WARNING, table=of.table.name, newest_day=newest)
        logs.tell("daily_tables_checked", n_stale=len(stale))
        return dg.SkipReason(f"Not made today: {', '.join(stale)}" if stale else "Every daily table is of today")

    @dg.run_failure_sensor(default_status=status)
    def failed_runs(context: dg.RunFailureSensorContext, platform: dg.ResourceParam[Platform]) -> None:
        """Names job, run and failed steps; the reason stays in the run's log, since it may quote data.

        An extract that was held back has an alert of its own. The alert is told as every alert is; only while the warehouse
        cannot keep it, a mail is put into the outbox at once, one for each job and day.
        """
        run, today, held_back = context.dagster_run, platform.today(), _was_held_back(context)
        steps = [event.step_key or "" for event in context.get_step_failure_events()]
        logs.tell("run_failed", logging.ERROR, run_id=run.run_id, job=run.job_name, steps=steps, is_held_back=held_back)
        if held_back:
            return
        alert = failure_alert(run.job_name, run.run_id, steps, today)
        try:
            delivery.record(platform, alert)
        except StorageError as error:
            context.log.warning(f"The alert could not be stored, a mail is put into the outbox: {error}")
            made = error_notice(
                settings.house,
                today,
                f"Run of {run.job_name}",
                f"Failed steps: {', '.join(steps) or 'none'}. The warehouse could not keep the alert.",
                f"Open run {run.run_id} in Dagster: the reason stands in its log.",
            )
            delivery.notify(platform, "error_occurred", today, made, alert["alert_id"].iloc[0])

    return [waiting_messages, stale_tables, failed_runs]


def _expected(platform: Platform, job_name: str, today: date) -> date:
    """The newest day that the table of a daily job should have: today, or the last day of a calendar that has ended."""
    if not platform.settings.has_campus:
        return today
    try:
        calendar_day = calendar.newest_day(platform.lake.read("sources", COURSES), today)
    except MissingFileError:
        return today
    return due_day(job_name, platform.settings, calendar_day, today)


def _was_held_back(context: dg.RunFailureSensorContext) -> bool:
    errors = [event.step_failure_data.error for event in context.get_step_failure_events()]
    causes = [error.cause or error for error in errors if error]
    return bool(causes) and all(cause.cls_name == HeldBackError.__name__ for cause in causes)

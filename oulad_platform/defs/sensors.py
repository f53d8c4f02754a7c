"""New alerts go to the outbox, one run each; a failed run leaves a message there; what waits there goes to the mail server."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from oulad_platform.defs.jobs import deliver_alert, deliver_mail
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.snapshots import HeldBackError
from oulad_platform.enrollment.reporting.briefing import error_notice
from oulad_platform.settings import Settings
from oulad_platform.success.alerts import alerts_due
from oulad_platform.success.tables import ALERT_LOG


def _status(settings: Settings) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED


def alert_sensor(settings: Settings) -> dg.SensorDefinition:

    @dg.sensor(job=deliver_alert, minimum_interval_seconds=60, default_status=_status(settings))
    def new_alerts(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Alerts of the last days that are not in the outbox yet; a backfill of history is recorded, not delivered."""
        today = platform.today()
        due = alerts_due(platform.database.read(ALERT_LOG), platform.outbox.ids(), today)
        if due.empty:
            yield dg.SkipReason(f"Every alert up to {today} is in the outbox")
        for alert_id in due["alert_id"]:
            config = dg.RunConfig(ops={"put_alert_in_outbox": {"config": {"alert_id": alert_id}}})
            yield dg.RunRequest(run_key=alert_id, run_config=config)

    return new_alerts


def mail_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    @dg.sensor(job=deliver_mail, minimum_interval_seconds=60, default_status=_status(settings))
    def waiting_mail(platform: dg.ResourceParam[Platform]) -> dg.RunRequest | dg.SkipReason:
        """One run while something is due; what the server refused comes due again after a while."""
        if platform.mail_server is None:
            return dg.SkipReason("No mail server is configured (SMTP_HOST); messages stay in the outbox")
        due = platform.outbox.due(datetime.now(UTC))
        return dg.RunRequest() if due else dg.SkipReason("Nothing in the outbox is due")

    @dg.run_failure_sensor(default_status=_status(settings))
    def failed_runs(context: dg.RunFailureSensorContext, platform: dg.ResourceParam[Platform]) -> None:
        """Names job, run and failed steps; the reason stays in the run's log, since it may quote data.

        An extract that was held back has a message of its own.
        """
        run, settings = context.dagster_run, platform.settings
        if "error_occurred" not in settings.mail_triggers or _was_held_back(context):
            return
        steps = ", ".join(event.step_key or "" for event in context.get_step_failure_events()) or "none"
        made = error_notice(
            settings.house,
            platform.today(),
            f"Run of {run.job_name}",
            f"Failed steps: {steps}.",
            f"Open run {run.run_id} in Dagster: the reason stands in its log.",
        )
        platform.post(f"run_failed-{run.run_id}", made.subject, made.text, html=made.html)

    return [waiting_mail, failed_runs]


def _was_held_back(context: dg.RunFailureSensorContext) -> bool:
    errors = [event.step_failure_data.error for event in context.get_step_failure_events()]
    causes = [error.cause or error for error in errors if error]
    return bool(causes) and all(cause.cls_name == HeldBackError.__name__ for cause in causes)

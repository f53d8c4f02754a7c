"""New alerts go to the outbox, one run each; a failed run leaves a message there."""

from collections.abc import Iterator

import dagster as dg

from oulad_platform.defs.jobs import deliver_alert
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.success.alerts import alerts_due
from oulad_platform.success.tables import ALERT_LOG


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    status = dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(job=deliver_alert, minimum_interval_seconds=60, default_status=status)
    def new_alerts(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Alerts of the last days that are not in the outbox yet; a backfill of history is recorded, not delivered."""
        today = platform.today()
        due = alerts_due(platform.database.read(ALERT_LOG), platform.outbox.delivered(), today)
        if due.empty:
            yield dg.SkipReason(f"Every alert up to {today} has been delivered")
        for alert_id in due["alert_id"]:
            config = dg.RunConfig(ops={"put_alert_in_outbox": {"config": {"alert_id": alert_id}}})
            yield dg.RunRequest(run_key=alert_id, run_config=config)

    @dg.run_failure_sensor(default_status=status)
    def failed_runs(context: dg.RunFailureSensorContext, platform: dg.ResourceParam[Platform]) -> None:
        """Names job, run and failed steps; the reason stays in the run's log, since it may quote data."""
        run = context.dagster_run
        steps = ", ".join(event.step_key or "" for event in context.get_step_failure_events()) or "none"
        platform.outbox.deliver(
            f"run_failed-{run.run_id}",
            f"{platform.settings.institution_name}: run of {run.job_name} failed",
            f"Run {run.run_id} of job {run.job_name} failed.\nFailed steps: {steps}.\nOpen the run in Dagster for the reason.\n",
            platform.settings.enrollment_email_recipients,
        )

    return [new_alerts, failed_runs]

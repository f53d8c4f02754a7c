"""Named jobs. `everything` is what `oulad run` materializes; schedules run the two daily lines; `train` refits the models."""

from typing import Any

import dagster as dg

from oulad_platform.defs.resources import Platform
from oulad_platform.success.alerts import alert_message
from oulad_platform.success.tables import ALERT_LOG

EVERYTHING, ENROLLMENT_DAILY, SUCCESS_DAILY, TRAIN = "everything", "enrollment_daily", "success_daily", "train"


class Alert(dg.Config):
    """Which row of alert_log to deliver."""

    alert_id: str


@dg.op(retry_policy=dg.RetryPolicy(max_retries=5, delay=30, backoff=dg.Backoff.EXPONENTIAL))
def put_alert_in_outbox(context: dg.OpExecutionContext, config: Alert, platform: dg.ResourceParam[Platform]) -> None:
    """Delivering an alert that is already in the outbox changes nothing."""
    log = platform.database.read(ALERT_LOG)
    subject, body = alert_message(log[log["alert_id"] == config.alert_id])
    new = platform.outbox.deliver(config.alert_id, subject, body, platform.settings.enrollment_email_recipients)
    context.log.info(f"{config.alert_id}: {'delivered' if new else 'was delivered before'}")


@dg.job(description="Deliver one row of alert_log to the outbox.", executor_def=dg.in_process_executor)
def deliver_alert() -> None:
    put_alert_in_outbox()


def asset_jobs() -> list[Any]:
    groups, named = dg.AssetSelection.groups, dg.AssetSelection.assets
    models = named(["success", "training_panel"], ["success", "risk_model"], ["success", "model_metrics"])
    return [
        dg.define_asset_job(EVERYTHING, dg.AssetSelection.all(), description="Every asset, for one day or a range of days."),
        dg.define_asset_job(
            ENROLLMENT_DAILY,
            groups("sources", "enrollment"),
            description="Fresh raw tables; the day's snapshot, changes, metrics.",
        ),
        dg.define_asset_job(
            SUCCESS_DAILY,
            dg.AssetSelection.all() - groups("enrollment"),
            description="Fresh raw tables and models of all closed cohorts; the day's features, risks, alerts and reports.",
        ),
        dg.define_asset_job(
            TRAIN, groups("sources") | models, description="Fit and evaluate the risk models on every cohort that has closed."
        ),
    ]

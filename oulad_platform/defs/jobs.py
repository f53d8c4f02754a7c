"""Named jobs. `everything` is what `oulad run` materializes; schedules run the two daily lines; the others are for people.

Besides assets: mail leaves the outbox, and housekeeping removes old files.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from oulad_platform.defs.cleaning import clean
from oulad_platform.defs.resources import Platform
from oulad_platform.success.alerts import alert_message
from oulad_platform.success.tables import ALERT_LOG

EVERYTHING, ENROLLMENT_DAILY, SUCCESS_DAILY, TRAIN = "everything", "enrollment_daily", "success_daily", "train"
ENROLLMENT_AGAIN = "enrollment_from_snapshots"
REGISTER = "register_models"
TRAINED = ("training_panel", "risk_model", "held_out_risk", "model_evaluation", "calibration_curve", "model_fairness")
REGISTERED = ("model_registry", "model_champions")
ENROLLMENT_GROUPS = ("enrollment", "enrollment_outlook", "enrollment_actions")


class Alert(dg.Config):
    """Which row of alert_log to deliver."""

    alert_id: str


@dg.op(retry_policy=dg.RetryPolicy(max_retries=5, delay=30, backoff=dg.Backoff.EXPONENTIAL))
def put_alert_in_outbox(context: dg.OpExecutionContext, config: Alert, platform: dg.ResourceParam[Platform]) -> None:
    """Delivering an alert that is already in the outbox changes nothing."""
    log = platform.database.read(ALERT_LOG)
    subject, body = alert_message(log[log["alert_id"] == config.alert_id])
    new = platform.post(config.alert_id, subject, body)
    context.log.info(f"{config.alert_id}: {'put into the outbox' if new else 'was there before'}")


@dg.job(description="Put one row of alert_log into the outbox.", executor_def=dg.in_process_executor)
def deliver_alert() -> None:
    put_alert_in_outbox()


@dg.op
def send_what_is_due(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
    """A mail server that refuses or is away delays a message; the reason stands in the log, and the next run tries again."""
    delivery = platform.deliver()
    context.log.info(f"sent {len(delivery.sent)}")
    for message_id, reason in delivery.waiting.items():
        context.log.warning(f"{message_id} waits: {reason}")
    for message_id, refused in delivery.refused.items():
        context.log.warning(f"{message_id} was refused for {len(refused)} recipients: {'; '.join(refused.values())}")


@dg.job(description="Send what is due in the outbox to the mail server.", executor_def=dg.in_process_executor)
def deliver_mail() -> None:
    send_what_is_due()


class Housekeeping(dg.Config):
    """Nothing is removed unless `dry_run` is off."""

    dry_run: bool = True


@dg.op
def remove_old_files(context: dg.OpExecutionContext, config: Housekeeping, platform: dg.ResourceParam[Platform]) -> None:
    removed = clean(platform, context.run_id, dry_run=config.dry_run)
    context.add_output_metadata({"removed": len(removed), "dry_run": config.dry_run, "files": "\n".join(removed) or "none"})


@dg.job(
    description="Remove snapshot files and reports past their time, their metrics being safe. A dry run unless told otherwise.",
    executor_def=dg.in_process_executor,
)
def housekeeping() -> None:
    remove_old_files()


def enrollment_jobs() -> list[Any]:
    groups = dg.AssetSelection.groups
    extract = dg.AssetSelection.assets(["enrollment", "enrollment_snapshots"], ["enrollment", "data_quality_findings"])
    return [
        dg.define_asset_job(EVERYTHING, dg.AssetSelection.all(), description="Every asset, for one day or a range of days."),
        dg.define_asset_job(
            ENROLLMENT_DAILY,
            groups(*ENROLLMENT_GROUPS) | groups("sources"),
            description="The day's snapshot, changes, metrics, outlook and briefing, from fresh raw tables where there are any.",
        ),
        dg.define_asset_job(
            ENROLLMENT_AGAIN,
            groups(*ENROLLMENT_GROUPS) - extract,
            description="Everything that follows from the stored snapshots, without asking the registrar again.",
        ),
    ]


def without_training(repository: dg.RepositoryDefinition | None) -> list[dg.AssetKey]:
    """What the daily job of the success line makes on a day on which no model is trained."""
    if repository is None:
        return []
    whole = set(repository.get_job(SUCCESS_DAILY).asset_layer.executable_asset_keys)
    return sorted(whole - set(success_keys(TRAINED + REGISTERED)))


def success_keys(names: Iterable[str]) -> list[dg.AssetKey]:
    return [dg.AssetKey(["success", name]) for name in names]


def success_jobs() -> list[Any]:
    groups = dg.AssetSelection.groups
    registered = dg.AssetSelection.assets(*success_keys(REGISTERED))
    trained = dg.AssetSelection.assets(*success_keys(TRAINED))
    return [
        dg.define_asset_job(
            SUCCESS_DAILY,
            dg.AssetSelection.all() - groups(*ENROLLMENT_GROUPS),
            description="Fresh raw tables; models of closed cohorts, when due; the day's features, risks, alerts and reports.",
        ),
        dg.define_asset_job(
            TRAIN,
            groups("sources") | trained | registered,
            description="Fit, test and register the risk models of every day on which cohorts closed.",
        ),
        dg.define_asset_job(REGISTER, registered, description="Who is in charge, after a person's decision."),
    ]

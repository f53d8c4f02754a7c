"""Named jobs. `everything` is what `oulad run` materializes; schedules run the two daily lines; the others are for people.

Besides assets: mail leaves the outbox, and housekeeping removes old files.
"""

import re
from collections.abc import Iterable
from typing import Any

import dagster as dg

from oulad_platform.defs import delivery
from oulad_platform.defs.cleaning import clean, clean_event_log
from oulad_platform.defs.resources import Platform

EVERYTHING, ENROLLMENT_DAILY, SUCCESS_DAILY, TRAIN = "everything", "enrollment_daily", "success_daily", "train"
ENROLLMENT_AGAIN = "enrollment_from_snapshots"
REGISTER = "register_models"
TRAINED = ("training_panel", "risk_model", "held_out_risk", "model_evaluation", "calibration_curve", "model_fairness")
REGISTERED = ("model_registry", "model_champions")
ENROLLMENT_GROUPS = ("enrollment", "enrollment_outlook", "enrollment_actions")


@dg.op
def deliver_what_is_due(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
    """A server that refuses or is away delays a message; the reason stands in the log, and the next run tries again.

    What lies in an outbox is delivered even where the alerts cannot be read or put there; the run then fails at its end.
    """
    try:
        for message in delivery.queue_alerts(platform):
            context.log.info(f"put into the outbox: {message}")
    finally:
        _deliver(context, platform)


def _deliver(context: dg.OpExecutionContext, platform: Platform) -> None:
    for channel, made in delivery.deliver(platform).items():
        context.log.info(f"{channel}: sent {len(made.sent)}")
        for message_id, reason in made.waiting.items():
            context.log.warning(f"{channel}: {message_id} waits: {_without_addresses(reason)}")
        for message_id, reason in made.dead.items():
            told = f"{channel}: {message_id} is undeliverable: {_without_addresses(reason)}"
            context.log.error(f"{told}; try again: oulad outbox --retry ID")
        for message_id, refused in made.refused.items():
            reasons = _without_addresses("; ".join(refused.values()))
            context.log.warning(f"{channel}: {message_id} was refused for {len(refused)} recipients: {reasons}")


def _without_addresses(reason: str) -> str:
    """A server's words, which may name a recipient; the run's log is read by others."""
    return re.sub(r"[^\s<>,;:\"']+@[^\s<>,;:\"']+", "(address)", reason)


@dg.job(description="Put alerts that are due into the outboxes and send what waits there.", executor_def=dg.in_process_executor)
def deliver_messages() -> None:
    deliver_what_is_due()


class Housekeeping(dg.Config):
    """Nothing is removed unless `dry_run` is off."""

    dry_run: bool = True


@dg.op
def remove_old_files(context: dg.OpExecutionContext, config: Housekeeping, platform: dg.ResourceParam[Platform]) -> None:
    removed = clean(platform, context.run_id, dry_run=config.dry_run)
    runs = clean_event_log(platform, context.instance, dry_run=config.dry_run)
    files = "\n".join(removed) or "none"
    context.add_output_metadata({"removed": len(removed), "runs": runs, "dry_run": config.dry_run, "files": files})


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

"""`oulad alerts`, `oulad outbox`, `oulad experiment`: what persons do about alerts, messages and live experiments. Thin."""

from __future__ import annotations

from typing import Any

import click

from oulad_platform.cli_errors import configured, plain_errors

BY = click.option("--by", required=True, help="Your name.")


@click.group(invoke_without_command=True)
@click.option("--all", "resolved", is_flag=True, help="Resolved ones too.")
@click.pass_context
def alerts(context: click.Context, resolved: bool) -> None:
    """List the alerts that are open; acknowledge or resolve one."""
    if context.invoked_subcommand is None:
        from oulad_platform.defs import alert_desk

        with plain_errors():
            alert_desk.show(configured(), resolved=resolved)


@alerts.command()
@click.argument("alert_id")
@BY
@click.option("--note", default="", help="What is done about it.")
def acknowledge(alert_id: str, by: str, note: str) -> None:
    """Somebody sees to it: no reminders while it lasts."""
    _decide("acknowledged", alert_id, by, note)


@alerts.command()
@click.argument("alert_id")
@BY
@click.option("--note", default="", help="What was done about it.")
def resolve(alert_id: str, by: str, note: str) -> None:
    """It is done: if it fires again, that is a new alert."""
    _decide("resolved", alert_id, by, note)


@click.command()
@click.option("--retry", "message_id", metavar="ID", help="Try this undeliverable message again.")
def outbox(message_id: str | None) -> None:
    """Show what was sent, what waits and what could not be delivered."""
    from oulad_platform.defs import alert_desk

    with plain_errors():
        alert_desk.retry(configured(), message_id) if message_id else alert_desk.show_outboxes(configured())


@click.group()
def experiment() -> None:
    """Live experiments: start, look at, stop."""


@experiment.command()
@click.argument("experiment_id")
@click.option("--hypothesis", required=True, help="What is done to the treatment arm, and what is expected of it.")
@BY
@click.option("--population", type=click.Choice(["high risk", "all"]), default="high risk", show_default=True)
@click.option("--module", "modules", multiple=True, help="Only this module; may be given several times.")
@click.option("--outcome", type=click.Choice(["passed", "retained"]), default="passed", show_default=True)
@click.option("--horizon", "horizon_days", type=click.IntRange(min=1), help="Days after which `retained` is judged.")
@click.option("--looks", "n_looks", type=click.IntRange(1, 10), default=3, show_default=True, help="Planned analyses.")
@click.option("--alpha", type=click.FloatRange(0, 1, True, True), default=0.05, show_default=True)
@click.option("--power", type=click.FloatRange(0, 1, True, True), default=0.8, show_default=True)
@click.option("--base-rate", type=click.FloatRange(0, 1), help="Expected share in the control arm. [default: from the risks]")
@click.option(
    "--guardrail", "guardrail_points", type=click.FloatRange(min=0), default=5.0, show_default=True, help="Harm allowed."
)
def start(experiment_id: str, modules: tuple[str, ...], **design: Any) -> None:
    """Register the design, then draw the arms; both are written before anybody is contacted."""
    from oulad_platform.defs import experiment_desk

    with plain_errors():
        experiment_desk.start(configured(), experiment_id, modules=modules, **design)


@experiment.command()
def status() -> None:
    """Show every live experiment as it stands, by intention to treat."""
    from oulad_platform.defs import experiment_desk

    with plain_errors():
        experiment_desk.status(configured())


@experiment.command()
@click.argument("experiment_id")
@BY
@click.option("--reason", required=True, help="Why.")
def stop(experiment_id: str, by: str, reason: str) -> None:
    """End an experiment; its controls may be contacted from now on."""
    from oulad_platform.defs import experiment_desk

    with plain_errors():
        experiment_desk.stop(configured(), experiment_id, by, reason)


def _decide(decision: str, alert_id: str, by: str, note: str) -> None:
    from oulad_platform.defs import alert_desk

    with plain_errors():
        alert_desk.decide(configured(), decision, alert_id, by, note)


COMMANDS = (alerts, outbox, experiment)

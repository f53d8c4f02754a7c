"""The model card of one version as Markdown: what it is for, what it learnt from, how good, how fair, who decided.

Every figure comes from a table and was known on the card's day; what a table does not say is called unknown. Nothing is
computed anew here; `card_page` makes HTML of the card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import pandas as pd

from oulad_platform.core.privacy import Disclosure
from oulad_platform.core.reports import date_text, markdown_table, markdown_text
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.modelling.model import RiskModel
from oulad_platform.success.registry import card_figures
from oulad_platform.success.registry.card_figures import two_columns
from oulad_platform.success.registry.gates import in_words

DEFAULT_RULE = Disclosure()
PURPOSE = (
    "It estimates how likely an enrolment is to end as failed or withdrawn, so that advisers can offer help while there is time.",
    "An adviser decides whom to contact, and how. The score opens a conversation; it is no finding about a person.",
    "It is scored for students who are registered and have not left, on any day of a running presentation.",
)
NOT_FOR = (
    "It is not for admission, marks, discipline, funding, or any decision against a student.",
    "It is not for comparing teachers or modules: students choose their modules.",
    "It does not say what helps: that is measured in experiments.",
)
LIMITS = (
    "It knows what is recorded: who works offline, or whose work is not entered yet, looks like somebody who does nothing.",
    "Intervals hold the chance of which students enrolled, not that a coming cohort differs from those before.",
    "Whoever was helped because of a score and then passed counts as a wrong alarm in later figures.",
)


def card_markdown(
    model: RiskModel,
    *,
    day: date,
    institution: str,
    registry: pd.DataFrame,
    champions: pd.DataFrame,
    decisions: pd.DataFrame,
    evaluation: pd.DataFrame,
    fairness: pd.DataFrame,
    drift: pd.DataFrame,
    software: Mapping[str, str],
    pictures: Mapping[str, str],
    rule: Disclosure = DEFAULT_RULE,
) -> str:
    """The card of `model` on `day`.

    `registry`, `champions`, `decisions`, `evaluation`, `fairness`, `drift`: the tables MODEL_REGISTRY, MODEL_CHAMPIONS,
    MODEL_DECISIONS, MODEL_EVALUATION, MODEL_FAIRNESS, MODEL_DRIFT; of each what was known or held on `day`, whatever else is
    in them. `software`: version by name. `pictures`: file name of a PNG beside the card by section (calibration, fairness); a
    section without one has its table only. `rule`: how counts of a group's persons leave. Raises ValueError when the version is
    not in `registry`.
    """
    today = pd.Timestamp(day)
    rows = registry[registry["model_version"].eq(model.version)]
    if rows.empty:
        raise ValueError(f"version {model.version} is not in model_registry; materialize model_registry first")
    row = rows.iloc[0]
    known = evaluation[evaluation["known_from"].le(today)]
    audited = fairness[fairness["model_version"].eq(model.version) & fairness["known_from"].le(today)]
    watched = drift[drift["model_version"].eq(model.version) & drift["run_date"].le(today)]
    held = champions[champions["champion_from"].le(today)]
    taken = decisions[decisions["model_version"].eq(model.version) & decisions["effective_from"].le(today)]
    parts = [
        f"# Model card: {markdown_text(model.version)}\n",
        f"{markdown_text(institution)}, as of {date_text(day)}. Every figure was known on that day.\n",
        *_in_short(row),
        *_purpose(),
        *_data(model, row),
        *card_figures.tests(model.version, known),
        *card_figures.ladder(model.version, known),
        *card_figures.calibration(model.version, known, row, pictures),
        *card_figures.fairness(audited, pictures, rule),
        *card_figures.drift(watched),
        *_limits(model, row),
        *_decisions(model.version, held, taken),
        *_making(model, software),
    ]
    return "\n".join(parts)


def _in_short(row: pd.Series) -> Iterator[str]:
    facts = {
        "Status": row["status"],
        "First in charge": row["champion_from"],
        "Decided by": row["decided_by"],
        "May score from": row["trained_from"],
        "Gates that do not hold": row["gates_failed"].replace(",", ", ") or "none",
        "Why": row["reason"],
    }
    yield markdown_table(two_columns(facts))


def _purpose() -> Iterator[str]:
    for title, sentences in (("What it is for, and who decides", PURPOSE), ("What it is not for", NOT_FOR)):
        yield f"## {title}\n"
        yield "".join(f"- {sentence}\n" for sentence in sentences)


def _data(model: RiskModel, row: pd.Series) -> Iterator[str]:
    of_catalogue = {feature.name: feature for feature in CATALOGUE}
    protected = [name for name in model.features if name in of_catalogue and of_catalogue[name].protected]
    facts = {
        "Presentations": row["presentations"].replace(",", ", "),
        "Training rows (enrolments x days)": int(row["n_rows"]),
        "Enrolments": int(row["n_enrolments"]),
        "Failed or withdrawn, of the rows": float(row["base_rate"]),
        "Features": len(model.features),
        "Of these, protected attributes": ", ".join(protected) or "none",
        "SHA-256 of the training rows": row["data_sha256"],
    }
    yield "## What it learnt from\n"
    yield markdown_table(two_columns(facts))
    yield (
        "Features of a day use rows dated before that day; every outcome learnt from was known on "
        f"{date_text(row['trained_from'])}. All closed cohorts calibrate, each student scored by a fit that never saw them.\n"
    )


def _limits(model: RiskModel, row: pd.Series) -> Iterator[str]:
    modules = sorted(model.calibration.by_module)
    own = (
        f"Calibrated for {', '.join(map(markdown_text, modules))}; in any other module its risks may be off as a whole."
        if modules
        else "Too few outcomes to calibrate: its risks are those of the learner as they come."
    )
    failed = row["gates_failed"].replace(",", ", ")
    gates = [f"Gates that do not hold: {markdown_text(failed)}."] if failed else []
    yield "## Limits\n"
    yield "".join(f"- {sentence}\n" for sentence in (own, *gates, *LIMITS))


def _decisions(version: str, held: pd.DataFrame, taken: pd.DataFrame) -> Iterator[str]:
    yield "## Who put it in charge, or took it out\n"
    ordered = held.sort_values("champion_from")
    before = ordered["model_version"].shift(fill_value="")
    lines = ordered[ordered["model_version"].eq(version) | before.eq(version)]
    if lines.empty:
        yield "It was never in charge.\n"
    else:
        shown = {"From": lines["champion_from"], "In charge": lines["model_version"].map(in_words)}
        yield markdown_table(pd.DataFrame({**shown, "Decided by": lines["decided_by"], "Why": lines["reason"]}))
    if not taken.empty:
        ordered = taken.sort_values("decided_at")
        shown = {"Decision": ordered["decision"], "Holds from": ordered["effective_from"], "By": ordered["decided_by"]}
        yield "Decisions of persons about it:\n"
        yield markdown_table(pd.DataFrame({**shown, "Why": ordered["reason"]}))


def _making(model: RiskModel, software: Mapping[str, str]) -> Iterator[str]:
    facts = {
        "Learner": model.learner.kind.replace("_", " "),
        "Backend": model.learner.backend,
        **{name.replace("_", " "): str(value) for name, value in model.learner.hyperparameters.items()},
        "Calibration slope": model.calibration.slope,
        "Calibration intercept": model.calibration.intercept,
        "Seed": str(model.seed),
        **software,
    }
    yield "## How it was made\n"
    yield markdown_table(two_columns(facts))

"""The model cards: one Markdown file, one page and their pictures for each version, under reports/models/."""

from importlib.metadata import version as installed

import dagster as dg
import pandas as pd

from oulad_platform.defs.io_managers import ALL_DAYS
from oulad_platform.defs.metadata import preview, text
from oulad_platform.defs.models import CHAMPIONS, CURVE, DRIFT, EVALUATION, FAIRNESS, REGISTRY, RISK_MODEL, Models
from oulad_platform.defs.resources import Platform
from oulad_platform.success import publication
from oulad_platform.success.evaluation import charts, latest
from oulad_platform.success.model_tables import MODEL_DECISIONS
from oulad_platform.success.oversight import fairness, fairness_charts
from oulad_platform.success.registry import card, card_page
from oulad_platform.success.registry.champions import champion_on

FOLDER = "reports/models"
SOFTWARE = ("oulad-platform", "scikit-learn", "shap", "woodelf-explainer", "numpy", "pandas")


@dg.asset(
    key=["success", "model_cards"],
    group_name="success_model",
    owners=["team:student-success"],
    kinds={"markdown", "html"},
    tags={"line": "success", "pii": "false"},
    description="One entry per model version: its card, with what it learnt from, how good and how fair it is, who decided.",
    ins={
        "risk_model": dg.AssetIn(RISK_MODEL),
        "model_drift": dg.AssetIn(DRIFT.key, metadata=ALL_DAYS),
        **{of.table.name: dg.AssetIn(of.key) for of in (REGISTRY, CHAMPIONS, EVALUATION, CURVE, FAIRNESS)},
    },
)
def model_cards(
    platform: dg.ResourceParam[Platform],
    risk_model: Models,
    model_registry: pd.DataFrame,
    model_champions: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    calibration_curve: pd.DataFrame,
    model_fairness: pd.DataFrame,
    model_drift: pd.DataFrame,
) -> dg.MaterializeResult[None]:
    settings, day = platform.settings, platform.today()
    decisions = platform.database.read(MODEL_DECISIONS)
    software = {name: installed(name) for name in SOFTWARE}
    files: dict[str, bytes] = {}
    told = {}
    told_groups = publication.told_groups(model_fairness, settings.disclosure)
    for version, model in risk_model.items():
        pictures = _pictures(version, model_evaluation, calibration_curve, told_groups, risk_model)
        markdown = card.card_markdown(
            model,
            day=day,
            institution=settings.institution_name,
            registry=model_registry,
            champions=model_champions,
            decisions=decisions,
            evaluation=model_evaluation,
            fairness=model_fairness,
            drift=model_drift,
            rule=settings.disclosure,
            software=software,
            pictures={section: f"{version}-{section}.png" for section in pictures},
        )
        shown = {f"{version}-{section}.png": png for section, png in pictures.items()}
        told[version] = markdown
        files |= {f"{version}.md": markdown.encode(), **shown}
        files[f"{version}.html"] = card_page.card_html(markdown, shown, settings.house, f"Model card {version}")
    kept = [platform.artifacts.put(f"{FOLDER}/{name}", content) for name, content in files.items()]
    table = pd.DataFrame({"file": [one.path for one in kept], "bytes": [one.size for one in kept]})
    in_charge = told.get(champion_on(model_champions, day), "No model is in charge: the rule scores.\n")
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(told), "in_charge": text(in_charge), "files": preview(table, len(table))}
    )


def _pictures(
    version: str, evaluation: pd.DataFrame, curve: pd.DataFrame, audited: pd.DataFrame, models: Models
) -> dict[str, bytes]:
    """The PNGs of a version's card by section: those of its newest test, where it was tested."""
    shown = latest.headline(evaluation[evaluation["model_version"].eq(version)], models)
    if not shown:
        return {}
    test = (str(shown["evaluation"]), str(shown["tested_cohort"]))
    return {
        "calibration": charts.calibration_chart(curve, *test, version),
        "fairness": fairness_charts.fairness_by_group(fairness.headline(audited, shown)),
    }

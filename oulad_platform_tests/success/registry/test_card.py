"""Tests of the model card and its page: every figure from a table and known on the day, nothing that can break a page."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.house import House
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.model_tables import (
    MODEL_CHAMPIONS,
    MODEL_DECISIONS,
    MODEL_EVALUATION,
    MODEL_REGISTRY,
)
from oulad_platform.success.oversight.tables import MODEL_DRIFT, MODEL_FAIRNESS
from oulad_platform.success.registry.card import card_markdown
from oulad_platform.success.registry.card_page import card_html

DAY = date(2014, 10, 5)
MODEL = SimpleNamespace(
    version="2013J",
    learner=SimpleNamespace(kind="gradient_boosting", backend="sklearn", hyperparameters={"learning_rate": 0.06, "n_seeds": 1}),
    calibration=SimpleNamespace(slope=0.97, intercept=-0.02, by_module={"BBB": 0.1, "AAA": 0.0}),
    features=("clicks_7d", "days_since_last_visit"),
    seed=7,
)
PNG = b"\x89PNG\r\n\x1a\n"


def registry(**changed):
    row = {
        "model_version": "2013J",
        "status": "champion",
        "backend": "sklearn",
        "learner": "gradient_boosting",
        "trained_from": date(2014, 6, 27),
        "presentations": "2013B,2013J",
        "n_rows": 150_996,
        "n_enrolments": 13_003,
        "base_rate": 0.412,
        "seed": 7,
        "data_sha256": "0123456789abcdef" * 4,
        "champion_version": "2013B",
        "auc_difference": 0.0192,
        "difference_low": 0.0154,
        "difference_high": 0.0229,
        "ece": 0.0154,
        "largest_module_gap": 0.0295,
        "gates_failed": "fairness",
        "decided_by": "A. Dean",
        "reason": "On 2013J its AUC is 0.019 above that of 2013B. Promoted from 2014-07-01 by A. Dean: gaps are watched",
        "champion_from": date(2014, 7, 1),
    }
    return MODEL_REGISTRY.conform(pd.DataFrame([row | changed]))


def figure(version, metric, value, day=28, module="all", width=np.nan, **more):
    row = {"model_version": version, "evaluation": "next_cohort", "tested_cohort": "2014B", "code_module": module, "day": day}
    row |= {"metric": metric, "value": value, "low": value - width, "high": value + width}
    return row | {"n_students": 6_543, "known_from": date(2014, 10, 1)} | more


def evaluation():
    rows = []
    for day, auc in ((14, 0.731), (28, 0.807), (84, 0.871)):
        rows += [
            figure("2013J", "auc", auc, day, width=0.011),
            figure("2013J", "ece", 0.018, day, width=0.004),
            figure("2013J", "base_rate", 0.45, day),
            figure("2013J", "mean_risk", 0.44, day),
            figure("2013J", "lead_days", 41.5, day),
            figure("2013J", "reach", 0.733, day),
            figure("2013J", "precision_at_missed_budget", 0.81, day, width=0.02),
            figure("2013J", "precision_gain_over_missed", 0.051, day, width=0.013),
            figure("2013J-logistic", "auc", auc - 0.01, day, width=0.011),
            figure("missed_assessment", "n_flagged", 812, day),
            figure("missed_assessment", "precision", 0.759, day),
            figure("2013J", "mean_risk", 0.40, day, "AAA"),
            figure("2013J", "base_rate", 0.43, day, "AAA"),
            figure("2013J", "mean_risk", 0.50, day, "B|B"),
            figure("2013J", "base_rate", 0.45, day, "B|B"),
        ]
    for rung, auc in (("ladder_honest", 0.806), ("ladder_withdrawn_kept", 0.884)):
        rows += [figure("2013J", "auc", auc, evaluation=rung), figure("2013J", "base_rate", 0.45, evaluation=rung)]
    return MODEL_EVALUATION.conform(pd.DataFrame(rows))


def fairness(p=0.001):
    rows = [
        (attribute, group, measure, value, low, high, p_value)
        for attribute, group in (("gender", "F"), ("disability", "Y"), ("gender x disability", "F x Y"))
        for measure, value, low, high, p_value in (
            ("abroca", 0.021, np.nan, np.nan, 0.4),
            ("abroca_by_chance", 0.03, np.nan, np.nan, np.nan),
            ("tpr_gap", -0.12 if group == "F x Y" else 0.013, -0.17, 0.02, p if group == "F x Y" else 0.9),
        )
    ]
    names = ["attribute", "group_name", "measure", "value", "low", "high", "p_value_holm"]
    same = {"model_version": "2013J", "evaluation": "held_out", "tested_cohort": "2013J", "day": 28, "p_value": np.nan}
    same |= {"reference_group": "everybody else", "n_students": 77, "n_positive": 31, "known_from": date(2014, 6, 27)}
    return MODEL_FAIRNESS.conform(pd.DataFrame(rows, columns=names).assign(**same))


def champions(*rows):
    given = rows or ((date(2014, 7, 1), "2013J", "A. Dean", "Promoted by a person: gaps are watched"),)
    return MODEL_CHAMPIONS.conform(pd.DataFrame(given, columns=MODEL_CHAMPIONS.names))


def decisions(reason="gaps are watched"):
    row = (pd.Timestamp("2014-07-01 09:00"), "promote", "2013J", date(2014, 7, 1), "A. Dean", reason)
    return MODEL_DECISIONS.conform(pd.DataFrame([row], columns=MODEL_DECISIONS.names))


def drift():
    same = {"day": 33, "n_students": 4_321, "mean_risk": 0.43, "estimated_auc": 0.79, "reference_auc": 0.81, "proxy_auc": 0.7}
    same |= {"n_proxy": 900, "n_features_drifted": 2, "model_version": "2013J"}
    rows = [
        {"run_date": date(2014, 10, 4), "code_module": "all", "code_presentation": "all", "is_alarm": True, "reason": "2 alarms"},
        {"run_date": date(2014, 10, 4), "code_module": "AAA", "code_presentation": "2014J", "is_alarm": True, "reason": "PSI up"},
        {"run_date": date(2014, 10, 9), "code_module": "all", "code_presentation": "all", "is_alarm": False, "reason": ""},
    ]
    return MODEL_DRIFT.conform(pd.DataFrame(rows).assign(**same).reindex(columns=MODEL_DRIFT.names))


def card(**changed):
    given = {
        "day": DAY,
        "institution": "Demo University",
        "registry": registry(),
        "champions": champions(),
        "decisions": decisions(),
        "evaluation": evaluation(),
        "fairness": fairness(),
        "drift": drift(),
        "software": {"scikit-learn": "1.9.1", "numpy": "2.4.6"},
        "pictures": {"calibration": "2013J_calibration.png"},
    }
    return card_markdown(MODEL, **(given | changed))


def row_of(markdown, first, n=0):
    """The cells of the n-th table row that begins with `first`."""
    rows = [line.strip("| \n").split(" | ") for line in markdown.splitlines() if line.startswith(f"| {first} |")]
    return rows[n][1:]


def test_the_card_tells_every_figure_with_its_interval():
    made = card()
    tested = row_of(made, "28")
    assert tested[0] == "6,543"
    assert tested[1] == "0.807 (0.796 to 0.818)"
    assert tested[-3:] == ["0.733", "41.5", "0.797 (0.786 to 0.808)"]
    assert row_of(made, "missed a due assessment", 1) == [
        "28",
        "812",
        "0.759",
        "0.810 (0.790 to 0.830)",
        "+0.051 (+0.038 to +0.064)",
    ]
    assert row_of(made, "withdrawn kept")[1] == "0.884"
    assert row_of(made, "AAA") == ["-0.030", "-0.030", "-0.030"]
    assert row_of(made, "Training rows (enrolments x days)") == ["150,996"]
    assert row_of(made, "SHA-256 of the training rows") == ["0123456789abcdef" * 4]
    assert row_of(made, "scikit-learn") == ["1.9.1"]
    assert row_of(made, "Enrolments scored") == ["4,321"]
    assert "Newest alarm: AAA 2014J on 2014-10-04: PSI up" in made
    assert "A. Dean" in row_of(made, "2014-07-01")


def test_groups_are_shown_one_by_one_and_crossed_where_a_limit_is_passed():
    made = card()
    assert row_of(made, "women")[:3] == ["80", "30", "0.021"]
    assert row_of(made, "women, disability declared")[4] == "-0.120 (-0.170 to +0.020)"
    calm = card(fairness=fairness(p=0.5))
    assert "No group is beyond a limit of the gate by more than chance" in calm
    assert "women, disability declared" not in calm


def test_a_group_of_few_is_left_out_with_the_one_that_leads_to_it_and_its_harm_is_counted():
    audited = fairness()
    few = audited.assign(n_positive=audited["n_positive"].mask(audited["attribute"].eq("gender x disability"), 9))
    made = card(fairness=few)
    assert "women, disability declared" not in made
    assert "- 1 more beyond a limit, about groups too small to be told of." in made
    assert "Groups with counts under 10, and those that would lead to them, are left out." in made
    assert row_of(made, "women")[:2] == ["80", "30"]
    rounded = card(fairness=audited.assign(n_positive=22), rule=Disclosure(rounding="hesa"))
    assert "Groups with counts under 22.5, and those that would lead to them, are left out." in rounded
    assert "women" not in rounded


def test_nothing_that_became_known_after_the_day_is_on_the_card():
    early = card(day=date(2014, 6, 30))
    assert "Unknown: no cohort that it could be tested on has closed by this day." in early
    assert "Unknown: it was not climbed for this version by this day." in early
    assert "Unknown: it has scored no day that was watched." in early
    assert "It was never in charge." in early
    assert "0.807" not in early
    assert "Newest day watched | 2014-10-04" in card()
    assert "Unknown: no group was large enough" in card(day=date(2014, 6, 26))


@pytest.mark.parametrize("day", [date(2014, 6, 26), date(2014, 6, 30), date(2014, 10, 1), DAY])
def test_rows_of_later_days_change_nothing(day):
    def until(frame, column):
        return frame[frame[column] <= pd.Timestamp(day)].reset_index(drop=True)

    cut = {
        "champions": until(champions(), "champion_from"),
        "decisions": until(decisions(), "effective_from"),
        "evaluation": until(evaluation(), "known_from"),
        "fairness": until(fairness(), "known_from"),
        "drift": until(drift(), "run_date"),
    }
    assert card(day=day, **cut) == card(day=day)


def test_who_took_its_place_is_told():
    line = champions(
        (date(2014, 7, 1), "2013J", "A. Dean", "Promoted by a person: x"),
        (date(2014, 9, 1), "rule", "B. Registrar", "2013J was rolled back: too many alarms"),
    )
    assert row_of(card(champions=line), "2014-09-01") == ["the rule", "B. Registrar", "2013J was rolled back: too many alarms"]


def test_a_version_without_a_row_in_the_registry_has_no_card():
    with pytest.raises(ValueError, match="2013J is not in model_registry; materialize model_registry first"):
        card(registry=MODEL_REGISTRY.empty())


class Page(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.shown = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.shown.append(data)


def page(markdown, pictures=None, **house):
    pictures = {"2013J_calibration.png": PNG} if pictures is None else pictures
    return card_html(markdown, pictures, House(**house), "Model card <2013J>").decode()


def test_the_page_holds_its_picture_its_colour_and_nothing_from_elsewhere():
    made = page(card(), main_colour="#123456")
    tags = Page(made).tags
    images = [attributes for tag, attributes in tags if tag == "img"]
    assert [image["src"] for image in images] == ["data:image/png;base64,iVBORw0KGgo="]
    assert images[0]["alt"].startswith("Observed rate over the risk given")
    assert "#123456" in made
    assert "default-src 'none'" in made
    assert not {"a", "script", "link", "iframe"} & {tag for tag, _ in tags}
    assert not re.search(r'(src|href)="(?!data:)', made)


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        "![x](http://example.org/a.png) [y](http://example.org)",
        "a | b\n\n# Heading\n- item",
        "<http://example.org> **bold** `code` http://example.org &lt;b&gt;",
    ],
)
def test_words_of_persons_are_shown_as_words(words):
    given = card(decisions=decisions(words), registry=registry(reason=words), institution=words)
    made = Page(page(given))
    plain = Page(page(card()))
    assert [tag for tag, _ in made.tags] == [tag for tag, _ in plain.tags]
    assert " ".join(words.split()) in made.shown


def test_a_picture_that_is_not_given_is_named():
    with pytest.raises(ValueError, match=r"shows '2013J_calibration.png', which is not among the pictures \[\]; give its PNG"):
        page(card(), pictures={})


def test_the_same_tables_give_the_same_bytes():
    assert page(card()) == page(card())

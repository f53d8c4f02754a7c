"""Tests of success.evaluation's report and pictures: every test has its tables, every number its interval."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from oulad_platform.success.evaluation import charts
from oulad_platform.success.evaluation.report import evaluation_markdown
from oulad_platform_tests.success.evaluation.run import run


@pytest.fixture(scope="module")
def text() -> str:
    whole = run()
    return evaluation_markdown(whole.evaluation, whole.curve, whole.models, "How good the model is", "python run.py FOLDER")


def test_the_report_has_a_section_for_every_test_and_one_for_the_ladder(text):
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert sections == [
        "## Models",
        "## Cohort 2013J, the next cohort",
        "## Cohort 2014B, the next cohort",
        "## Weekly split",
        "## Leak ladder: cohort 2014B, day 28",
    ]
    assert text.startswith("# How good the model is\n\nMade by `python run.py FOLDER`.\n")


def test_the_reports_figures_are_those_of_the_table_with_their_intervals(text):
    rows = run().evaluation
    auc = rows.query(
        "model_version == '2013J' and tested_cohort == '2014B' and day == 28 and code_module == 'all' and metric == 'auc'"
    ).query("evaluation == 'next_cohort'")
    value, low, high = auc.iloc[0][["value", "low", "high"]]
    section = text[text.index("## Cohort 2014B") : text.index("## Weekly split")]
    line = next(line for line in section.splitlines() if line.startswith("| 2013J | 28 | 120 |"))
    assert line.split(" | ")[3] == f"{value:.3f} ({low:.3f} to {high:.3f})"
    assert "nan" not in text


def test_every_table_row_has_as_many_cells_as_its_head(text):
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) > 15
    for lines in tables:
        assert len({line.count(" | ") for line in lines}) == 1


def test_an_evaluation_of_nothing_is_a_report_without_tests():
    nothing = run((("2015B", "2015-02-01"),))
    text = evaluation_markdown(nothing.evaluation, nothing.curve, nothing.models, "Title", "command")
    assert "## Cohort" not in text
    assert "## Leak ladder" not in text


@pytest.mark.parametrize(
    "draw",
    [
        lambda of: charts.calibration_chart(of.curve, "next_cohort", "2014B", "2013J"),
        lambda of: charts.auc_chart(of.evaluation, "next_cohort", "2014B"),
        lambda of: charts.ladder_chart(of.evaluation),
    ],
    ids=["calibration", "auc", "ladder"],
)
def test_pictures_are_equal_again_small_and_say_so_when_there_is_nothing_to_show(draw):
    whole, nothing = run(), run((("2015B", "2015-02-01"),))
    content = draw(whole)
    assert content == draw(whole)
    assert len(content) < 60_000
    drawn, empty = (np.asarray(Image.open(io.BytesIO(png)).convert("L")) for png in (content, draw(nothing)))
    assert (drawn < 200).mean() > 0.01
    assert 0 < (empty < 200).mean() < 0.05

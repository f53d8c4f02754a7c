"""Tests of explanation.picture: a small PNG, the same each time, for many, one and no students."""

from __future__ import annotations

import pytest

from oulad_platform.success.explanation.picture import summary_png
from oulad_platform.success.explanation.top_features import explain_newest
from oulad_platform_tests.success.explanation.students import champions, live, model


@pytest.mark.parametrize("n", [2000, 1, 0])
def test_the_picture_is_small_and_the_same_each_time(n):
    explained = explain_newest({"2013J": model("logistic")}, champions(("2014-02-01", "2013J")), live(n))
    picture = summary_png(explained)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) < 120_000
    assert picture == summary_png(explained)

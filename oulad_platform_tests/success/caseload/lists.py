"""Small tables for the tests of the caseload: risks, advisers and contacts in few words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from oulad_platform.core.outreach import ADVISERS, INTERVENTIONS, contact_ids
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.success.tables import STUDENT_RISK_DAILY

DAY = date(2026, 11, 23)
THRESHOLD = 0.5


def risks(*rows: tuple[int, str, float], **given: Any) -> pd.DataFrame:
    """STUDENT_RISK_DAILY of DAY from (student, module, risk); flagged above THRESHOLD; other columns as `given`."""
    frame = pd.DataFrame(rows, columns=["id_student", "code_module", "risk_score"])
    score = frame["risk_score"]
    values: dict[str, Any] = {
        "run_date": pd.Timestamp(DAY),
        "code_presentation": "2026J",
        "week": 8,
        "day": 56,
        "risk_band": score.map(lambda one: "high" if one > THRESHOLD else "medium" if one > THRESHOLD / 2 else "low"),
        "high_risk_flag": score > THRESHOLD,
        "risk_change_7d": float("nan"),
        "reason_1": None,
        "reason_2": None,
        "reason_3": None,
        "weekly_score_mean": float("nan"),
        "cum_submissions": 0,
        "model_version": "2025J-logistic",
    }
    return STUDENT_RISK_DAILY.conform(frame.assign(**(values | given)))


def advisers(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """ADVISERS from (adviser, module, capacity)."""
    return ADVISERS.conform(pd.DataFrame(rows, columns=["adviser", "code_module", "capacity"]).assign(email=None, login=None))


def contacts(*rows: tuple[int, int, str]) -> pd.DataFrame:
    """INTERVENTIONS from (student, days before DAY, outcome), by Ada and call."""
    return contacts_by([(*row, "call") for row in rows])


def contacts_by(rows: Sequence[tuple[int, int, str, str]]) -> pd.DataFrame:
    """INTERVENTIONS from (student, days before DAY, outcome, channel), by Ada."""
    frame = pd.DataFrame(rows, columns=["id_student", "ago", "outcome", "channel"])
    days = pd.to_datetime(pd.Series([DAY - timedelta(days=int(ago)) for ago in frame["ago"]], dtype="datetime64[us]"))
    frame = frame.assign(contacted_on=days, adviser="Ada")
    frame = frame.assign(contact_id=contact_ids(frame, DEMO)).drop_duplicates("contact_id")
    return INTERVENTIONS.conform(frame[INTERVENTIONS.names])

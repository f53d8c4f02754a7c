"""What the briefing says of the trend, the forecast and unusual figures, as text. The figures are made elsewhere."""

from __future__ import annotations

from datetime import date

import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_FORECAST
from oulad_platform.enrollment.reporting.wording import (
    MOST_PROGRAMS,
    MOST_ROWS,
    REASON_LETTERS,
    Section,
    count,
    day_text,
    header,
    percent,
    shown,
)
from oulad_platform.enrollment.tables import SCOPES

METHOD_WORDS = {
    "pickup": "booking curves of earlier terms",
    "naive": "the newest count carried on",
    "linear_regression": "a straight line",
    "moving_average": "a moving average",
    "ets": "exponential smoothing",
    "arima": "ARIMA",
}


def anomalies(found: pd.DataFrame | None, day: date, house: House) -> Section:
    """The day's unusual figures with their reason; says apart that nothing is unusual, and that nothing could be judged."""
    title = "Unusual figures"
    if found is None:
        return Section(title, ("Unknown: the search for unusual figures gave no result for this day.",))
    judged = found[found["date"] == pd.Timestamp(day)]
    if judged.empty:
        return Section(title, ("No figure of this day could be judged: there is too little history.",))
    unusual = judged[judged["is_anomaly"].astype(bool)]
    if unusual.empty:
        return Section(title, (f"None among the {len(judged):,} figures judged.",))
    unusual = unusual.assign(place=unusual["scope"].map(SCOPES.index), far=-unusual["score"].abs())
    unusual = unusual.sort_values(["place", "far", "name", "measure"])
    measures = {
        "total_enrollment": house.words.holdings,
        "new_students": house.words.added,
        "dropped_students": house.words.dropped,
    }
    rows = []
    for _, one in unusual.head(MOST_ROWS).iterrows():
        subject = "All" if one["scope"] == "total" else shown(one["name"])
        counted = f"{count(one['observed'])} instead of {count(max(0.0, one['lower']))} to {count(one['upper'])}"
        rows.append((f"{subject}: {measures[one['measure']]} {counted}", shown(one["reason"], REASON_LETTERS)))
    line = f"{len(unusual):,} of the {len(judged):,} figures judged."
    n_more = len(unusual) - len(rows)
    more = f" The table shows {len(rows)}; {n_more:,} more are in enrollment_anomalies." if n_more else ""
    return Section(title, (line + more,), ("Figure", "Why"), tuple(rows))


def forecast(ahead: pd.DataFrame | None, backtest: pd.DataFrame | None, day: date, house: House) -> Section:
    """What is expected on the census day, or the furthest day, with the 80 % interval and how good the method has been."""
    used = ENROLLMENT_FORECAST.empty() if ahead is None else ahead[ahead["is_used"].astype(bool)]
    used = used[(used["as_of_date"] <= pd.Timestamp(day)) & (used["target_date"] > pd.Timestamp(day))]
    total = used[used["scope"] == "total"].sort_values(["is_census", "target_date"])
    census = used[used["is_census"].astype(bool) & (used["scope"] == "term")]
    census = census.sort_values(["expected", "name"], ascending=[False, True])
    if total.empty and census.empty:
        return Section("Forecast", ("There is no forecast made by this day.",))
    lines = []
    if len(total):
        lines = [_forecast_sentence(total.iloc[-1], house), _accuracy_sentence(total.iloc[-1], backtest, day)]
    if used["as_of_date"].max() < pd.Timestamp(day):
        lines.append(f"It knows the figures up to {day_text(used['as_of_date'].max())} only.")
    rows = []
    for _, one in census.head(MOST_PROGRAMS).iterrows():
        name = f"{shown(one['name'])}, {one['target_date'].day} {one['target_date']:%b}"
        rows.append((name, count(one["expected"]), f"{count(one['lower_80'])} to {count(one['upper_80'])}"))
    if rows:
        more = f" (the {len(rows)} largest of {len(census):,})" if len(census) > len(rows) else ""
        lines.append(f"Census days ahead{more}: {_accuracy_sentence(census.iloc[0], backtest, day)}")
    return Section("Forecast", tuple(lines), (header(house.words.program), "Expected", "80 % interval"), tuple(rows))


def trend_sentence(trends: pd.DataFrame | None, day: date, house: House) -> str:
    """Where the total is heading, with the slope and its 95 % interval; says when it is not known."""
    known = None if trends is None else trends[(trends["scope"] == "total") & (trends["as_of_date"] <= pd.Timestamp(day))]
    if known is None or known.empty or known["direction"].iloc[0] == "unknown":
        return "Where it is heading is not known yet."
    one = known.iloc[0]
    slope = f"{one['slope_per_day']:+.1f} {house.words.holdings} a day".replace("-", "−")
    ends = f"{one['slope_lower']:+.1f} to {one['slope_upper']:+.1f}".replace("-", "−")
    return f"Over {one['window_days']} days the trend is {one['direction']}: {slope} (95 % interval {ends})."


def _forecast_sentence(one: pd.Series, house: House) -> str:
    what = "On the census day, " if one["is_census"] else "On "
    when = f"{what}{day_text(one['target_date'])}, {count(one['expected'])} {house.words.holdings} are expected"
    return f"{when}; with 80 % probability {count(one['lower_80'])} to {count(one['upper_80'])}."


def _accuracy_sentence(one: pd.Series, backtest: pd.DataFrame | None, day: date) -> str:
    method = METHOD_WORDS[one["method"]]
    if backtest is not None:
        alike = backtest[(backtest["scope"] == one["scope"]) & (backtest["method"] == one["method"])]
        alike = alike[(alike["is_census"] == one["is_census"]) & (alike["target_date"] <= pd.Timestamp(day))]
        if len(alike):
            lead = min(alike["lead_days"].unique(), key=lambda days: (abs(int(days) - int(one["lead_days"])), days))
            alike = alike[alike["lead_days"] == lead]
            error = (
                (alike["expected"] - alike["actual"]).abs().sum() / alike["actual"].sum()
                if alike["actual"].sum()
                else float("nan")
            )
            so_far = f"{len(alike):,} earlier forecasts {lead} days ahead by {method} were off by {percent(error, 1)} on average"
            alike = alike.dropna(subset=["lower_80"])
            if alike.empty:
                return f"{so_far}; too few to have had an interval."
            inside = alike["actual"].between(alike["lower_80"], alike["upper_80"]).mean()
            return f"{so_far}, and {percent(inside, 0)} of the outcomes lay inside their 80 % interval."
    return f"Made by {method}; there is no earlier forecast of this kind to tell how good it is."

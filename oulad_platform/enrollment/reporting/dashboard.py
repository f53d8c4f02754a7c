"""One page for leadership, as PNG bytes: size and forecast, changes, programs, persistence, and the key figures in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from oulad_platform.core import charts
from oulad_platform.core.house import House
from oulad_platform.enrollment.reporting.charts import (
    NO_DAY_BEFORE,
    draw_changes,
    draw_cohorts,
    draw_level,
    draw_persistence,
    total_by_day,
    used_forecast,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

WIDTH, HEIGHT, DPI = 12.0, 8.4, 100
LARGEST = 10
NAME_INCHES = 1.35


def executive_dashboard(
    metrics: pd.DataFrame,
    house: House,
    forecast: pd.DataFrame | None = None,
    trends: pd.DataFrame | None = None,
    anomalies: pd.DataFrame | None = None,
    *,
    cohorts: pd.DataFrame | None = None,
    target_rate: float | None = None,
) -> bytes:
    """PNG of one page as of the newest day of the total in ENROLLMENT_METRICS; what is not given is called unknown.

    Programs: the ten largest, and the ten whose size changed most since the snapshot before; the others as one bar.
    Who stays: of the census cohorts by week where `cohorts` (COHORT_RETENTION) has rows, else of the snapshot before by day;
    `target_rate` (0 to 1) is of that figure. Raises ValueError when there is no row of the total.
    """
    from matplotlib.figure import Figure

    total, ahead = total_by_day(metrics), used_forecast(forecast, metrics)
    day = total.index[-1]
    drawn = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained", facecolor="white")
    title = charts.fitted(f"{house.words.title} on {day.day} {day:%B %Y}", WIDTH - 0.4, 11, "bold")
    charts.masthead(drawn, charts.fitted(house.institution, WIDTH - 0.4, 9), title, house.main_colour)
    drawn.get_layout_engine().set(w_pad=0.1, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    head, middle, foot = drawn.subfigures(3, 1, height_ratios=(0.4, 2, 2), squeeze=False)[:, 0]
    _write_figures(head, _key_figures(total, house, ahead, trends, anomalies))
    level, change = middle.subplots(1, 2)
    size, moved, stay = foot.subplots(1, 3)
    words = house.words
    titles = (words.holdings.capitalize(), "Changes", f"Largest {words.program}s", "Changed most", "Who stays")
    for panel, name in zip((level, change, size, moved, stay), titles, strict=True):
        charts.house_style(panel, labelsize=8)
        shown = charts.fitted(name, 1.4, 9, "bold")
        panel.set_title(shown, loc="left", fontsize=9, fontweight="bold", color=charts.INK)
    draw_level(level, total, house, ahead)
    draw_changes(change, total, house)
    if cohorts is None or cohorts.empty:
        draw_persistence(stay, total, house, target_rate)
        charts.date_axis(stay, total.index[0].date(), day.date())
    else:
        draw_cohorts(stay, cohorts, target_rate, most_terms=2, name_inches=0.66)
        stay.set_title(stay.get_title("left"), loc="left", fontsize=9, fontweight="bold", color=charts.INK, pad=20)
    programs = metrics[(metrics["scope"] == "program") & (metrics["date"] == day)].set_index("name").sort_index()
    _draw_sizes(size, programs["total_enrollment"].astype("float64"), house)
    why_none = NO_DAY_BEFORE if pd.isna(total["previous_date"].iloc[-1]) else "No change"
    _draw_net_changes(moved, programs["net_change"].astype("float64"), house, why_none)
    charts.date_axis(level, total.index[0].date(), (ahead.index[-1] if len(ahead) else day).date())
    charts.date_axis(change, total.index[0].date(), day.date())
    for panel in (level, change, stay):
        charts.legend_above(panel)
    return charts.png(drawn)


def largest(values: pd.Series, n: int = LARGEST) -> tuple[pd.Series, float, int]:
    """The n values furthest from 0 (ties by name), largest first; the sum of the others and how many they are.

    >>> shown, rest, n_others = largest(pd.Series({"a": 3.0, "b": -9.0, "c": 1.0, "d": 2.0}), 2)
    >>> shown.to_dict(), rest, n_others
    ({'a': 3.0, 'b': -9.0}, 3.0, 2)
    """
    order = values.sort_index().abs().sort_values(ascending=False, kind="stable").index
    shown = values[order[:n]].sort_values(ascending=False, kind="stable")
    return shown, float(values[order[n:]].sum()), max(0, len(values) - n)


def _draw_sizes(panel: Axes, sizes: pd.Series, house: House) -> None:
    _draw_bars(panel, sizes, [house.main_colour] * len(sizes), "{:,.0f}", f"No {house.words.program}")


def _draw_net_changes(panel: Axes, changes: pd.Series, house: House, why_none: str) -> None:
    changes = changes[changes.notna() & changes.ne(0)]
    colours = [house.up_colour if each > 0 else house.down_colour for each in largest(changes)[0]]
    _draw_bars(panel, changes, colours, "{:+,.0f}", why_none)


def _draw_bars(panel: Axes, values: pd.Series, colours: list[str], form: str, why_none: str) -> None:
    """Bars from 0, largest on top, each with its figure beside it; below them what the others are together."""
    panel.spines[["left", "bottom"]].set_visible(False)
    panel.grid(visible=False)
    panel.tick_params(length=0, labelbottom=False)
    shown, rest, n_others = largest(values)
    names = [charts.fitted(str(name), NAME_INCHES, 8) for name in shown.index]
    if values.empty:
        charts.note(panel, why_none)
    else:
        panel.barh(range(len(shown)), shown, 0.7, color=colours[: len(shown)])
    beside = [*shown]
    if n_others:
        names.append(f"{n_others:,} other{'s' if n_others > 1 else ''}")
        beside.append(0.0)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(max(len(names), 5) - 0.4, -0.6)
    low, high = min(0.0, *beside, 0.0), max(0.0, *beside, 0.0)
    room = 0.3 * (high - low or 1.0)
    panel.set_xlim(low - room if low < 0 else 0, high + room)
    for place, (end, value) in enumerate(zip(beside, [*shown, rest], strict=False)):
        side, shift = ("left", 3) if end >= 0 else ("right", -3)
        text = form.format(value).replace("-", "−")
        panel.annotate(text, (end, place), (shift, 0), textcoords="offset points", ha=side, va="center", fontsize=8)


def _key_figures(
    total: pd.DataFrame, house: House, ahead: pd.DataFrame, trends: pd.DataFrame | None, anomalies: pd.DataFrame | None
) -> list[tuple[str, str]]:
    day, today = total.index[-1], total.iloc[-1]
    words = house.words
    figures = [(words.holdings.capitalize(), f"{today['total_enrollment']:,}")]
    if pd.isna(today["previous_date"]):
        figures.append((f"{words.added.capitalize()} / {words.dropped}", "first day"))
    else:
        figures.append(
            (f"{words.added.capitalize()} / {words.dropped}", f"{today['new_students']:,} / {today['dropped_students']:,}")
        )
    last_year = today["last_year_difference"]
    figures.append(("Against last year", "unknown" if pd.isna(last_year) else f"{last_year:+,}".replace("-", "−")))
    if len(ahead):
        last = ahead.iloc[-1]
        in_words = f"{last['expected']:,.0f} ({last['lower_80']:,.0f} to {last['upper_80']:,.0f})"
        figures.append((f"Forecast for {ahead.index[-1].day} {ahead.index[-1]:%b}, 80 %", in_words))
    else:
        figures.append(("Forecast", "unknown"))
    direction = "unknown"
    if trends is not None:
        of_total = trends[(trends["scope"] == "total") & (trends["as_of_date"] <= day)]
        direction = of_total["direction"].iloc[0] if len(of_total) else direction
    figures.append(("Trend", direction))
    judged = None if anomalies is None else anomalies[anomalies["date"] == day]
    unusual = "unknown" if judged is None or judged.empty else f"{int(judged['is_anomaly'].sum()):,} of {len(judged):,}"
    return [*figures, ("Unusual figures", unusual)]


def _write_figures(place: SubFigure, figures: list[tuple[str, str]]) -> None:
    """Key figures beside each other, the one with an interval two columns wide."""
    column = 0.97 / (len(figures) + 1)
    left = 0.015
    for label, value in figures:
        n_columns = 2 if "(" in value else 1
        inches = n_columns * column * WIDTH - 0.2
        place.text(left, 0.9, charts.fitted(label, inches, 9), fontsize=9, color=charts.MUTED, va="top")
        shown = charts.fitted(value, inches, 14, "bold")
        place.text(left, 0.6, shown, fontsize=14, fontweight="bold", color=charts.INK, va="top")
        left += n_columns * column

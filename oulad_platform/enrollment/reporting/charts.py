"""Pictures of enrolment for mail and pages, as PNG bytes in the house's colours and words. The figures come from the tables.

What lies on one page for leadership is in `enrollment.reporting.dashboard`, which puts the same panels beside each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core import charts
from oulad_platform.core.house import House

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 120
MOST_TERMS = 5
TERM_COLOURS = (charts.BLUE, charts.ORANGE, charts.GREEN, charts.PURPLE, charts.SKY)
WIDTH, DPI = 4.5, 200  # 900 pixels, with letters that can still be read on a telephone 360 wide
NO_DAY_BEFORE = "No day before to compare with"


def enrollment_trend(metrics: pd.DataFrame, house: House, forecast: pd.DataFrame | None = None) -> bytes:
    """PNG of the whole institution by day: size with its 7-day average, below it who came (up) and who dropped (down).

    Takes ENROLLMENT_METRICS of any days; a day without a row leaves a gap. With ENROLLMENT_FORECAST, the used forecast of the
    total after the newest day is drawn with its 80 and 95 % intervals. Dotted lines mark the days after a term's last day,
    whose completed enrolments are no drops. Raises ValueError when there is no row of the total.
    """
    total, ahead = total_by_day(metrics), used_forecast(forecast, metrics)
    drawn, (level, change) = _picture(house, _headline(total, house), height=3.6, panels=(3, 2))
    draw_level(level, total, house, ahead)
    draw_changes(change, total, house)
    _mark_ends([level, change], total)
    for panel in (level, change):
        charts.legend_above(panel)
    charts.date_axis(change, total.index[0].date(), (ahead.index if len(ahead) else total.index)[-1].date())
    drawn.align_ylabels([level, change])
    return charts.png(drawn)


def daily_changes(metrics: pd.DataFrame, house: House) -> bytes:
    """PNG of adds (up) and drops (down) by day with the line of their difference.

    Takes ENROLLMENT_METRICS of any days. Raises ValueError when there is no row of the total.
    """
    total = total_by_day(metrics)
    drawn, (panel,) = _picture(house, f"{house.words.added.capitalize()} and {house.words.dropped} by day", height=2.9)
    draw_changes(panel, total, house, with_net=True)
    charts.legend_above(panel)
    charts.date_axis(panel, total.index[0].date(), total.index[-1].date())
    return charts.png(drawn)


def retention(metrics: pd.DataFrame, house: House, target_rate: float | None, cohorts: pd.DataFrame | None = None) -> bytes:
    """PNG of who stays, in percent, against the line of `target_rate` (0 to 1; None: no line).

    From ENROLLMENT_METRICS the persistence from one snapshot to the next by day; with rows in `cohorts` (COHORT_RETENTION)
    `cohort_retention` instead. Raises ValueError when there is nothing of either, or the target is no share.
    """
    if cohorts is not None and not cohorts.empty:
        return cohort_retention(cohorts, house, target_rate)
    total = total_by_day(metrics)
    drawn, (panel,) = _picture(house, "Still here, of the snapshot before", height=2.9)
    draw_persistence(panel, total, house, target_rate)
    charts.date_axis(panel, total.index[0].date(), total.index[-1].date())
    charts.legend_above(panel)
    return charts.png(drawn)


def cohort_retention(cohorts: pd.DataFrame, house: House, target_rate: float | None) -> bytes:
    """PNG of the share of the census cohort that is still here by week, for the five latest terms, against the target.

    `cohorts`: COHORT_RETENTION; the rows of all programs together are drawn. Raises ValueError when there are none, or the
    target is no share from 0 to 1.
    """
    drawn, (panel,) = _picture(house, "Still here, of the census day", height=2.9)
    draw_cohorts(panel, cohorts, target_rate)
    charts.legend_above(panel, columns=3)
    return charts.png(drawn)


def total_by_day(metrics: pd.DataFrame) -> pd.DataFrame:
    """The rows of the total, one a day from the first to the last (a day without a row is absent), by date."""
    total = metrics[metrics["scope"] == "total"].set_index("date").sort_index()
    if total.empty:
        raise ValueError("there is no row of the total to draw; materialize enrollment_metrics first")
    return total.reindex(pd.date_range(total.index[0], total.index[-1], freq="D", unit="us"))


def used_forecast(forecast: pd.DataFrame | None, metrics: pd.DataFrame) -> pd.DataFrame:
    """Rows of ENROLLMENT_FORECAST to draw, by target day: of the total, in use, made by the newest day and after it."""
    if forecast is None:
        return pd.DataFrame()
    newest = metrics.loc[metrics["scope"] == "total", "date"].max()
    is_drawn = forecast["scope"].eq("total") & forecast["is_used"].astype(bool)
    is_drawn &= forecast["as_of_date"].le(newest) & forecast["target_date"].gt(newest)
    return forecast[is_drawn].set_index("target_date").sort_index()


def draw_level(panel: Axes, total: pd.DataFrame, house: House, ahead: pd.DataFrame) -> None:
    """Size by day as a line, its 7-day average, and the fan of the forecast, all inside the y axis."""
    size = _floats(total["total_enrollment"])
    neighbours = np.isfinite(np.concatenate([[np.nan], size, [np.nan]]))
    is_alone = neighbours[1:-1] & ~neighbours[:-2] & ~neighbours[2:]
    holdings = charts.fitted(house.words.holdings.capitalize(), 1.2)
    panel.plot(total.index, size, color=house.main_colour, linewidth=1.8, label=holdings)
    panel.plot(total.index[is_alone], size[is_alone], "o", color=house.main_colour, markersize=4)
    shown = [size]
    if np.isfinite(size).sum() > 1:
        average = _floats(total["average_7_days"])
        panel.plot(total.index, average, color=charts.ORANGE, linewidth=1.1, label="7-day average", zorder=1.9)
        shown.append(average)
    if len(ahead):
        shown.append(_draw_fan(panel, total.index[-1], size[-1], ahead, house))
    values = np.concatenate(shown)
    charts.hold(panel, np.nanmin(values), np.nanmax(values), floor=0, least=max(4.0, 0.05 * np.nanmax(values)))
    charts.count_axis(panel, holdings, 9)


def draw_changes(panel: Axes, total: pd.DataFrame, house: House, *, with_net: bool = False) -> None:
    """Who came (up) and dropped (down) by day as bars, as areas above 120 days, and on request their difference as a line."""
    came, dropped = _floats(total["new_students"]), _floats(total["dropped_students"])
    up, down = (charts.fitted(word.capitalize(), 0.9, 8) for word in (house.words.added, house.words.dropped))
    for heights, colour, label in ((came, house.up_colour, up), (-dropped, house.down_colour, down)):
        if len(total) <= MOST_BARS:
            panel.bar(total.index, heights, 0.8, color=colour, label=label)
        else:
            panel.fill_between(total.index, np.nan_to_num(heights), step="mid", color=colour, label=label, linewidth=0)
    panel.axhline(0, color=charts.MUTED, linewidth=0.8)
    if with_net:
        net, label, marker = pd.Series(came - dropped), "Net", "o"
        if len(total) > MOST_BARS:
            net, label, marker = net.rolling(7, min_periods=1).mean(), "Net, 7-day average", ""
        panel.plot(total.index, net, color=charts.INK, linewidth=1.2, marker=marker, markersize=2.5, label=label)
    if np.isnan(came).all():
        charts.note(panel, NO_DAY_BEFORE)
    charts.hold(panel, -np.nanmax([1, *dropped]), np.nanmax([1, *came]))
    charts.count_axis(panel, "A day", 9)


def draw_persistence(panel: Axes, total: pd.DataFrame, house: House, target_rate: float | None) -> None:
    """Persistence from snapshot to snapshot by day in percent, and the target."""
    rate = 100 * _floats(total["persistence_rate"])
    marker = "o" if np.isfinite(rate).sum() <= MOST_BARS else None
    panel.plot(total.index, rate, color=house.main_colour, linewidth=1.5, marker=marker, markersize=3, label="Persistence")
    if np.isnan(rate).all():
        charts.note(panel, NO_DAY_BEFORE)
    _draw_target(panel, rate, target_rate)


def draw_cohorts(
    panel: Axes,
    cohorts: pd.DataFrame,
    target_rate: float | None,
    *,
    most_terms: int = MOST_TERMS,
    name_inches: float = 0.95,
) -> None:
    """A line for each of the latest terms: the share of its census cohort still here by week in percent, and the target."""
    cohorts = cohorts[cohorts["program"] == "all"]
    if cohorts.empty:
        raise ValueError("there is no cohort to draw; materialize cohort_retention after the first census day")
    latest = cohorts.groupby("term")["census_date"].max().sort_values(kind="stable").index[-most_terms:]
    cohorts = cohorts[cohorts["term"].isin(latest)].sort_values("week")
    for term, colour in zip(latest, TERM_COLOURS, strict=False):
        rows = cohorts[cohorts["term"] == term]
        label = charts.fitted(str(term), name_inches, 8)
        panel.plot(rows["week"], 100 * rows["retention_rate"], color=colour, linewidth=1.5, marker="o", markersize=3, label=label)
    panel.set_xlabel("Weeks after the census day", fontsize=9, color=charts.INK)
    panel.set_xlim(-0.6, max(4, cohorts["week"].max()) + 0.6)
    charts.whole_numbers(panel.xaxis)
    _draw_target(panel, 100 * _floats(cohorts["retention_rate"]), target_rate)


def _draw_target(panel: Axes, rates: npt.NDArray[np.float64], target_rate: float | None) -> None:
    if target_rate is not None and not 0 <= target_rate <= 1:
        raise ValueError(f"the target {target_rate} is not a share from 0 to 1; give 0.95 for 95 %")
    target = np.nan if target_rate is None else 100 * target_rate
    if target_rate is not None:
        panel.axhline(target, color=charts.INK, linestyle="--", linewidth=1.1, label=f"Target {target:g} %")
    seen = np.array([target, *rates])
    seen = seen[np.isfinite(seen)] if np.isfinite(seen).any() else np.array([0.0, 100.0])
    charts.hold(panel, seen.min(), seen.max(), least=0.2)
    panel.set_ylabel("Percent", fontsize=9, color=charts.INK)
    panel.ticklabel_format(axis="y", useOffset=False)


def _draw_fan(panel: Axes, newest: pd.Timestamp, size: float, ahead: pd.DataFrame, house: House) -> npt.NDArray[np.float64]:
    """Draws the forecast from the newest day on; its values, for the bounds of the axis."""
    days = [newest, *ahead.index]
    ends = {name: np.array([size, *_floats(ahead[name])]) for name in ("lower_95", "upper_95", "lower_80", "upper_80")}
    for level, shade, label in ((80, 0.3, "Forecast 80 %"), (95, 0.15, "95 %")):
        low, high = ends[f"lower_{level}"], ends[f"upper_{level}"]
        panel.fill_between(days, low, high, color=house.main_colour, alpha=shade, linewidth=0, label=label)
    expected = np.array([size, *_floats(ahead["expected"])])
    panel.plot(days, expected, color=house.main_colour, linewidth=1.4, linestyle="--")
    return np.concatenate([expected, *ends.values()])


def _mark_ends(panels: list[Axes], total: pd.DataFrame) -> None:
    for number, day in enumerate(total.index[_floats(total["completed_students"]) > 0]):
        for panel in panels:
            name = "Term over" if number == 0 and panel is panels[-1] else None
            panel.axvline(day, label=name, color=charts.PURPLE, linestyle=":", linewidth=1.5)


def _headline(total: pd.DataFrame, house: House) -> str:
    last = total.index[-1]
    return f"{total['total_enrollment'].iloc[-1]:,} {house.words.holdings} on {last.day} {last:%B %Y}"


def _picture(house: House, title: str, *, height: float, panels: tuple[float, ...] = (1,)) -> tuple[Figure, list[Axes]]:
    """A figure for mail: the institution above, the title below it, both shortened to the picture's width."""
    title = charts.fitted(title, WIDTH - 0.3, 11, "bold")
    drawn, axes = charts.figure("", width=WIDTH, height=height, panels=panels, dpi=DPI)
    charts.masthead(drawn, charts.fitted(house.institution, WIDTH - 0.3, 9), title, house.main_colour)
    for panel in axes:
        charts.house_style(panel, labelsize=8)
    return drawn, axes


def _floats(values: pd.Series) -> npt.NDArray[np.float64]:
    return values.to_numpy(dtype="float64", na_value=np.nan)

"""What contacting students returns, drawn in the house style of `core.charts`. The figures are made in `doubt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oulad_platform.core.charts import BLUE, GREEN, GRID, INK, MUTED, ORANGE, SKY, figure, hold, png, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axis import Axis

POINTS = "percentage points"
MONEY = "Net benefit, in the currency of a pass's value"


def caseload_chart(by_caseload: pd.DataFrame) -> bytes:
    """PNG of ROI_BY_CASELOAD: mean net benefit with its 80 % band by students contacted, the best number and those flagged.

    The last two where the table has them: not where they are few.
    """
    if by_caseload.empty:
        drawn, (panel,) = figure("Nobody has been scored yet, so there is nobody to contact", height=1.2)
        panel.set_axis_off()
        return png(drawn)
    drawn, (panel,) = figure("How many students to contact")
    n, mean = by_caseload["n_contacted"], by_caseload["net_benefit"]
    low, high = by_caseload["net_benefit_low"], by_caseload["net_benefit_high"]
    panel.axhline(0, color=INK, linewidth=1, label="break-even")
    panel.fill_between(n, low, high, color=SKY, alpha=0.3, linewidth=0, label="80 % of the draws")
    panel.plot(n, mean, color=BLUE, linewidth=1.8, label="mean net benefit")
    for flagged in by_caseload.loc[by_caseload["is_flagged"] & (n > 0), "n_contacted"]:
        panel.axvline(flagged, color=ORANGE, linewidth=1.4, linestyle="--", label=f"flagged: {flagged:,}")
    for best in by_caseload[by_caseload["is_best"]].to_dict("records"):
        size, first, last = (int(best[name]) for name in ("n_contacted", "best_size_low", "best_size_high"))
        panel.errorbar(
            [size],
            [best["net_benefit"]],
            xerr=[[max(size - first, 0)], [max(last - size, 0)]],
            color=GREEN,
            marker="o",
            markersize=7,
            capsize=4,
            zorder=5,
            label=f"best number: {size:,} (80 % of the draws: {first:,} to {last:,})",
        )
    most = max(int(n.max()), 1)
    panel.set_xlim(-0.02 * most, 1.02 * most)
    hold(panel, min(float(low.min()), 0), max(float(high.max()), 0))
    panel.set_xlabel("Students contacted, those at highest risk first", fontsize=10, color=INK)
    panel.set_ylabel(MONEY, fontsize=10, color=INK)
    for axis in (panel.xaxis, panel.yaxis):
        _whole_thousands(axis)
    drawn.legend(*panel.get_legend_handles_labels(), loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    return png(drawn)


def tornado_chart(drivers: pd.DataFrame) -> bytes:
    """PNG of ROI_DRIVERS: one bar pair a driver, from the net benefit at its base to that at its low and high value."""
    if drivers.empty:
        drawn, (panel,) = figure("Nobody is flagged, so there is nobody to contact", height=1.2)
        panel.set_axis_off()
        return png(drawn)
    drawn, (panel,) = figure("What the return of contacting the flagged depends on", height=3.6)
    spread = drivers[["net_benefit", "net_benefit_at_low", "net_benefit_at_high"]].agg(np.ptp, axis=1)
    ordered = drivers.assign(spread=spread).sort_values(["spread", "driver"], ignore_index=True)
    base = float(ordered["net_benefit"].iloc[0])
    y = np.arange(len(ordered))
    for end, color, shift in (("low", ORANGE, 0.19), ("high", BLUE, -0.19)):
        at_end = ordered[f"net_benefit_at_{end}"].to_numpy()
        panel.barh(y + shift, at_end - base, left=base, height=0.36, color=color, label=f"at its {end} value")
        for position, value, number in zip(y + shift, ordered[f"{end}_value"], at_end, strict=True):
            is_right = number >= base
            panel.annotate(
                _number(value),
                (number, position),
                xytext=(4 if is_right else -4, 0),
                textcoords="offset points",
                ha="left" if is_right else "right",
                va="center",
                fontsize=8,
                color=INK,
            )
    panel.axvline(base, color=INK, linewidth=1, label=f"all at base: {base:,.0f}")
    panel.axvline(0, color=MUTED, linewidth=1, linestyle=":", label="break-even")
    names = zip(ordered["driver"], ordered["base_value"], ordered["unit"], strict=True)
    panel.set_yticks(y, [f"{driver}\nbase {_number(value)}{' points' * (unit == POINTS)}" for driver, value, unit in names])
    panel.grid(axis="y", visible=False)
    panel.grid(axis="x", color=GRID, linewidth=0.8)
    panel.margins(x=0.12)
    panel.set_xlabel(MONEY, fontsize=10, color=INK)
    _whole_thousands(panel.xaxis)
    drawn.legend(*panel.get_legend_handles_labels(), loc="outside lower left", ncols=4, frameon=False, fontsize=9)
    return png(drawn)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.1f}"


def _whole_thousands(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter

    whole_numbers(axis)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))

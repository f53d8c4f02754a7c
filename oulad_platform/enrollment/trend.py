"""Where each series is heading: slope on dates with an interval that allows for autocorrelation of days, and short averages.

What comes next is `forecast`'s; whether a single day is unusual is `anomalies`'.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.enrollment.foresight_tables import ENROLLMENT_TRENDS

WINDOW_DAYS = 28
MIN_DAYS = 5
LONGEST_AVERAGE = 7
MAX_AUTOCORRELATION = 0.97
MIN_FREEDOM = 3


def enrollment_trends(metrics: pd.DataFrame, as_of: date, window_days: int = WINDOW_DAYS) -> pd.DataFrame:
    """`enrollment_trends`: for each scope and name of `enrollment_metrics` on `as_of`, its trend over the last days.

    The slope is least squares on dates, so days without a row leave the line where it is. Its interval takes the residuals
    as an AR(1) process: r between days next to each other, corrected for its small-sample bias, gives the slope's variance,
    and n_eff = n (1 - r) / (1 + r) the degrees of freedom of t: n_eff - 2, at least 3. With 28 days and r of 0, .5 and .8 a
    series without a trend is called rising or falling 4, 9 and 12 times in 100; with the Newey-West variance over a week and
    t(n - 2) it was 20, 29 and 41 times. Under 5 days the interval is absent and the direction unknown. Averages are over the
    snapshots of the last 3 and 7 days.
    Rows after `as_of` are not read. Raises ValueError when `as_of` has no row, or `window_days` is under 1.
    Source: Santer et al., Journal of Geophysical Research 105:7337 (2000); Marriott and Pope, Biometrika 41:390 (1954).
    """
    last = pd.Timestamp(as_of)
    if window_days < 1:
        raise ValueError(f"window_days is {window_days}; it must be 1 or more")
    longest = max(window_days, LONGEST_AVERAGE)
    rows = metrics[metrics["date"].between(last - pd.Timedelta(days=longest - 1), last)]
    wide = rows.pivot_table("total_enrollment", ["scope", "name"], "date", aggfunc="sum").astype("float64")
    if last not in wide:
        raise ValueError(f"enrollment_metrics has no row for {as_of}; a trend ends on a day that has a snapshot")
    wide = wide[wide[last].notna()].reindex(columns=pd.date_range(end=last, periods=longest, unit="us"))
    counts = wide.to_numpy()
    n, slope, lower, upper, p_value = _slopes(counts[:, -window_days:])
    direction = np.select([np.isnan(lower), lower > 0, upper < 0], ["unknown", "rising", "falling"], "steady")
    trends = wide.index.to_frame(index=False).assign(
        as_of_date=last,
        window_days=window_days,
        n_days=n,
        slope_per_day=slope,
        slope_lower=lower,
        slope_upper=upper,
        p_value=p_value,
        direction=direction,
        average_3_days=np.nanmean(counts[:, -3:], axis=1),
        average_7_days=np.nanmean(counts[:, -7:], axis=1),
    )
    return ENROLLMENT_TRENDS.conform(trends)


def _slopes(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Number of days, slope, lower and upper end of its 95 % interval, and p-value, of each row; columns are days."""
    from scipy.special import stdtr, stdtrit

    seen = ~np.isnan(counts)
    n = seen.sum(axis=1)
    day = np.arange(counts.shape[1], dtype="float64")
    y = np.where(seen, counts, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(seen, day - (seen @ day / n)[:, None], 0)
        centred = np.where(seen, y - (y.sum(axis=1) / n)[:, None], 0)
        spread = (x**2).sum(axis=1)
        slope = (x * centred).sum(axis=1) / spread
        residual = centred - slope[:, None] * x
        squares = (residual**2).sum(axis=1)
        r = (residual[:, 1:] * residual[:, :-1]).sum(axis=1) / squares
        r = np.clip(np.nan_to_num(r + (2 + 4 * r) / n), 0, MAX_AUTOCORRELATION)
        correlation = r[:, None, None] ** np.abs(day[:, None] - day)
        error = np.sqrt(squares / (n - 2) * np.einsum("ri,rij,rj->r", x, correlation, x)) / spread
        freedom = np.maximum(n * (1 - r) / (1 + r) - 2, MIN_FREEDOM)
        rounding = np.abs(y).max(axis=1) * 1e-12
        error, slope = np.where(error < rounding, 0, error), np.where(np.abs(slope) < rounding, 0, slope)
        half = stdtrit(freedom, 0.975) * error
        p_value = 2 * stdtr(freedom, -np.where(error > 0, np.abs(slope) / error, np.where(slope == 0, 0, np.inf)))
    enough = n >= MIN_DAYS
    return n, slope, *(np.where(enough, values, np.nan) for values in (slope - half, slope + half, p_value))

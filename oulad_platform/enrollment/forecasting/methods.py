"""Forecasts of one daily series from its own past: naive, linear regression, moving average, ETS and ARIMA.

What earlier terms did is `pickup`'s; choosing between methods and giving intervals is `forecast`'s.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Leads = npt.NDArray[np.int_]
REGRESSION_DAYS, AVERAGE_DAYS, MODEL_DAYS = 28, 7, 120
MIN_REGRESSION_DAYS, MIN_ETS_DAYS, ARIMA_LAGS = 5, 14, 7


def series_forecasts(past: Floats, leads: Leads) -> dict[str, Floats]:
    """Expected counts by method, `leads` days (ascending, from 1) after the last of `past`.

    A method that cannot be fitted has no entry.
    `past` has one value a day, NaN without a snapshot; its last value is known. No expectation is negative.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    forecasts = {}
    for name, method in METHODS.items():
        with threadpool_limits(1):  # these systems are tiny: more threads only wait for one another
            expected = method(past, leads)
        if expected is not None and np.isfinite(expected).all():
            forecasts[name] = np.maximum(expected, 0)
    return forecasts


def naive(past: Floats, leads: Leads) -> Floats | None:
    """The last count, whatever the lead."""
    return np.full(len(leads), past[-1])


def linear_regression(past: Floats, leads: Leads) -> Floats | None:
    """The least-squares line through the last 28 days, gaps left out; from 5 days on."""
    window = past[-REGRESSION_DAYS:]
    days = np.arange(1 - len(window), 1)
    seen = ~np.isnan(window)
    if seen.sum() < MIN_REGRESSION_DAYS:
        return None
    x, y = days[seen], window[seen]
    slope = ((x - x.mean()) @ (y - y.mean())) / ((x - x.mean()) @ (x - x.mean()))
    return y.mean() + slope * (leads - x.mean())


def moving_average(past: Floats, leads: Leads) -> Floats | None:
    """The mean of the last 7 days, gaps left out, whatever the lead."""
    return np.full(len(leads), np.nanmean(past[-AVERAGE_DAYS:]))


def ets(past: Floats, leads: Leads) -> Floats | None:
    """Exponential smoothing with a damped trend on the last 120 days; from 14 days on.

    Source: Hyndman et al., Forecasting with Exponential Smoothing (2008), ETS(A,Ad,N), as in statsmodels.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    values = _filled(past)
    if len(values) < MIN_ETS_DAYS:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = ExponentialSmoothing(values, trend="add", damped_trend=True, initialization_method="heuristic")
        return np.asarray(model.fit(use_brute=False).forecast(leads[-1]))[leads - 1]


def arima(past: Floats, leads: Leads) -> Floats | None:
    """ARIMA(7,1,0) with drift on the last 120 days, by conditional least squares; from 23 days on.

    Seven lags carry a weekly rhythm. Source: Box and Jenkins, Time Series Analysis (1970), ch. 7; AutoReg of statsmodels.
    """
    from statsmodels.tsa.ar_model import AutoReg

    changes = np.diff(_filled(past))
    if len(changes) < 3 * ARIMA_LAGS + 1:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        steps = np.asarray(AutoReg(changes, ARIMA_LAGS, trend="c").fit().forecast(leads[-1]))
    return past[-1] + np.cumsum(steps)[leads - 1]


def _filled(past: Floats) -> Floats:
    """The last 120 days from the first known on, a gap taking the count before it."""
    window = past[-MODEL_DAYS:]
    window = window[np.flatnonzero(~np.isnan(window))[0] :]
    newest = np.maximum.accumulate(np.where(np.isnan(window), 0, np.arange(len(window))))
    return window[newest]


METHODS: Mapping[str, Callable[[Floats, Leads], Floats | None]] = {
    "naive": naive,
    "linear_regression": linear_regression,
    "moving_average": moving_average,
    "ets": ets,
    "arima": arima,
}

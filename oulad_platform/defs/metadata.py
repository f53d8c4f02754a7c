"""What a person sees beside a materialization: a picture or a table inline."""

from __future__ import annotations

import base64

import dagster as dg
import pandas as pd


def picture(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A PNG inline in the UI; keep it under 60 KB, the event log stores it with every materialization."""
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})")


def preview(frame: pd.DataFrame, rows: int = 8) -> dg.TableMetadataValue:
    """The first rows as a table inline in the UI: days without a time, floats to four digits."""
    shown = frame.head(rows).copy()
    for name, values in shown.items():
        if pd.api.types.is_datetime64_any_dtype(values):
            shown[name] = values.dt.strftime("%Y-%m-%d")
        elif pd.api.types.is_float_dtype(values):
            shown[name] = values.map(lambda value: float(f"{value:.4g}"), na_action="ignore")
    cells = shown.astype(object).where(shown.notna(), None)
    records = [dg.TableRecord({str(name): _cell(value) for name, value in row.items()}) for row in cells.to_dict("records")]
    return dg.MetadataValue.table(records or [dg.TableRecord({str(name): None for name in frame.columns})])


def _cell(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, int | float | bool | None) else str(value)


def text(markdown: str) -> dg.MarkdownMetadataValue:
    """A report inline in the UI."""
    return dg.MetadataValue.md(markdown)

"""What a person sees beside a materialization: a picture or a table inline."""

from __future__ import annotations

import base64

import dagster as dg
import pandas as pd

from oulad_platform.core.tables import Table


def picture(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A PNG inline in the UI; keep it under 60 KB, the event log stores it with every materialization."""
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})")


def preview(frame: pd.DataFrame, rows: int = 8) -> dg.TableMetadataValue:
    """The first rows as a table inline in the UI."""
    head = frame.head(rows).astype(object)
    cells = head.where(head.notna(), None)
    records = [
        dg.TableRecord(
            {str(name): value if isinstance(value, int | float | bool | None) else str(value) for name, value in row.items()}
        )
        for row in cells.to_dict("records")
    ]
    return dg.MetadataValue.table(records or [dg.TableRecord({str(name): None for name in frame.columns})])


def preview_of(frame: pd.DataFrame, table: Table) -> dg.TableMetadataValue:
    """A table's first rows without the columns that name a person."""
    return preview(frame[[column.name for column in table.columns if not column.personal]])

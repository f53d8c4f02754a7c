"""The section `registrar` of platform.yaml: which source says who is enrolled, and how its columns are named. No secret in it."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

CANONICAL = (
    "student_id",
    "student_name",
    "division",
    "program",
    "level",
    "status",
    "term",
    "term_start_date",
    "term_end_date",
    "first_enrolled_date",
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Pages(BaseModel):
    """How an HTTPS endpoint is asked, and how its pages follow one another; a `Link: rel="next"` header is always followed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date_parameter: str | None = Field(None, min_length=1, description="Query parameter for the day; unset: it describes now.")
    page_parameter: str | None = Field(
        None, min_length=1, description="Query parameter for the page, counted from 1 until a page is empty."
    )
    rows_field: str = Field("rows", min_length=1, description="Field of a JSON object that holds the rows.")
    next_field: str = Field("next", min_length=1, description="Field of a JSON object that holds the next page's address.")
    timeout_seconds: float = Field(60, gt=0, le=3600, description="Longest silence of the server. seconds")


class RegistrarConfig(BaseModel):
    """Where snapshots come from. `columns` and `constants` are keyed by the columns of `enrollment_snapshots`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["replay", "database", "files", "https"] = Field("replay", description="What kind of source.")
    location: str | None = Field(None, description="Folder or s3://bucket/prefix of files, or https:// address.")
    file_pattern: str = Field(
        "*{date}*.csv", min_length=1, description="Name of a day's file; {date} is 2026-11-20, {date:%Y%m%d} is 20261120."
    )
    query_file: str = Field("sql/enrollment_query.sql", min_length=1, description="SELECT for one day; may bind :snapshot_date.")
    columns: dict[str, tuple[str, ...]] = Field({}, description="Source name of a column, or several to be joined with a hyphen.")
    constants: dict[str, str] = Field({}, description="Text of a column that the source does not have.")
    term: str = Field("current", min_length=1, description="Term of sources without a column for it.")
    statement_timeout_seconds: int = Field(300, ge=1, le=86_400, description="Longest statement in the database. seconds")
    batch_rows: int = Field(10_000, ge=1, description="Rows read from the database at a time. rows")
    pages: Pages = Field(Pages(), description="How an HTTPS endpoint is asked.")

    @field_validator("columns", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: (source,) if isinstance(source, str) else source for name, source in value.items()}

    @field_validator("columns", "constants")
    @classmethod
    def _known_columns(cls, value: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(value) - set(CANONICAL)):
            raise ValueError(f"there are no columns {', '.join(unknown)}; there are {', '.join(CANONICAL)}")
        if empty := sorted(name for name, source in value.items() if not source or not all(source)):
            raise ValueError(f"nothing is given for {', '.join(empty)}")
        return value

    @field_validator("file_pattern")
    @classmethod
    def _names_a_day(cls, value: str) -> str:
        try:
            first, second = (value.format(date=date(2026, 11, day)) for day in (19, 20))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError(f"{value!r} is not a pattern such as students_{{date}}.csv: {error}") from error
        if first == second or "/" in first:
            raise ValueError(f"{value!r} must hold {{date}}, for a day is one file, and no folder")
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> RegistrarConfig:
        if both := sorted(set(self.columns) & set(self.constants)):
            raise ValueError(f"{', '.join(both)}: give a source column or a constant, not both")
        if self.kind in ("files", "https") and not self.location:
            raise ValueError(f"kind {self.kind} needs location")
        if self.kind == "https" and self.location:
            parts = urlsplit(self.location)
            if parts.scheme != "https" and (parts.scheme, parts.hostname in LOOPBACK) != ("http", True):
                raise ValueError("location must be an https:// address (http:// on this machine only)")
            if not parts.hostname or parts.username is not None or parts.password is not None:
                raise ValueError("location must name a host and hold no user or password; the token has a setting of its own")
        return self

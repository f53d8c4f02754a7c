"""How this institution speaks and looks: the words for what is counted, its name and colours in charts and mail.

Enrolments of students are the default; a shop counts subscriptions of customers by the same rules. No figure depends on this.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]


class Words(BaseModel):
    """The vocabulary of reports, charts and mail. Table and column names stay as they are declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field("Enrollment", min_length=1, description="Title of reports and subjects.")
    person: str = Field("student", min_length=1)
    people: str = Field("students", min_length=1)
    holding: str = Field("enrolment", min_length=1, description="What one row is: a person in a program.")
    holdings: str = Field("enrolments", min_length=1)
    program: str = Field("program", min_length=1)
    division: str = Field("division", min_length=1)
    level: str = Field("level", min_length=1)
    term: str = Field("term", min_length=1)
    added: str = Field("new", min_length=1)
    dropped: str = Field("dropped", min_length=1)
    returned: str = Field("returned", min_length=1)
    moved: str = Field("moved", min_length=1)
    completed: str = Field("completed", min_length=1)


class House(BaseModel):
    """Name and colours of the institution, and its words. Colours are `#rrggbb`; the defaults suit every colour vision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    institution: str = Field("Demo University", min_length=1)
    main_colour: Colour = "#0072B2"
    up_colour: Colour = "#009E73"
    down_colour: Colour = "#D55E00"
    words: Words = Words()

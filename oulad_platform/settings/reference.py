"""docs/configuration.md: every setting with its default, bounds and unit, printed from where it is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from oulad_platform.core.dictionary import grid
from oulad_platform.settings.model import Settings

TOP = "Settings"
INTRODUCTION = """# Configuration

Printed from the declarations by `oulad configuration`; change them there.

The environment goes before a file in the folder of secrets (`SECRETS_DIR`, or `/run/secrets` where it exists; one file per
setting, named like it), that before `platform.yaml`, and that before the default. In the environment a setting is its name in
capitals; one in a section is the section's name, two underscores and its own, as `QUALITY__MIN_ROWS`. Names that do not exist
and values that cannot be used are refused, all at once. A secret is refused in `platform.yaml`. `OULAD_HOME` is the folder of
`platform.yaml` and relative paths; unset: where the process is started."""
BOUNDS = {
    "ge": "from {}",
    "gt": "above {}",
    "le": "up to {}",
    "lt": "below {}",
    "min_length": "at least {} long",
    "pattern": "like `{}`",
}


def configuration_markdown() -> str:
    """Markdown with one table for the settings themselves and one for each section."""
    sections: dict[str, list[tuple[str, ...]]] = {}
    for section, name, field in _fields(Settings, ""):
        sections.setdefault(section or TOP, []).append(_line(name, field))
    headings = ("setting", "default", "takes", "unit", "meaning")
    parts = [f"## {section}\n\n{grid(headings, lines)}" for section, lines in sections.items()]
    return "\n\n".join([INTRODUCTION, *parts]) + "\n"


def _fields(model: type[BaseModel], section: str) -> Iterator[tuple[str, str, FieldInfo]]:
    """Settings by section, those of a section after those beside it."""
    inner = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            inner.append((field.annotation, f"{section}.{name}" if section else name))
        else:
            yield section, name, field
    for annotation, path in inner:
        yield from _fields(annotation, path)


def _line(name: str, field: FieldInfo) -> tuple[str, ...]:
    meaning, unit = _unit(field.description or "")
    return f"`{name}`", _default(field), _takes(field), unit, meaning


def _unit(description: str) -> tuple[str, str]:
    """What a description says, and the unit after its last full stop.

    >>> _unit("Longest silence of the server. seconds")
    ('Longest silence of the server.', 'seconds')
    """
    meaning, stop, unit = description.rpartition(". ")
    return (f"{meaning}.", unit) if stop and not unit.endswith(".") else (description, "")


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is PydanticUndefined or value is None or value in ("", (), {}):
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _takes(field: FieldInfo) -> str:
    if field.annotation == SecretStr | None:
        return "a secret"
    choices = list(_choices(field.annotation))
    bounds = [BOUNDS[name].format(value) for rule in field.metadata for name, value in _limits(rule) if name in BOUNDS]
    return ", ".join([*([" or ".join(f"`{one}`" for one in choices)] if choices else [_kind(field.annotation)]), *bounds])


def _limits(rule: Any) -> list[tuple[str, Any]]:
    """The limits in one piece of pydantic's metadata, by name."""
    names = getattr(rule, "__slots__", ()) or vars(rule)
    return [(name, getattr(rule, name)) for name in names if getattr(rule, name, None) is not None]


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)


def _kind(annotation: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    if annotation in words:
        return words[annotation]
    if get_origin(annotation) is dict:
        return "names and values"
    if get_origin(annotation) is tuple:
        return "several, comma-separated"
    inner = [one for one in get_args(annotation) if one is not type(None)]
    return _kind(inner[0]) if inner else "a date"

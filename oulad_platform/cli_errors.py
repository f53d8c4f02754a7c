"""What every command of `oulad` starts with: the configured platform, and refusals told in the platform's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from oulad_platform.core import logs
from oulad_platform.settings import load

if TYPE_CHECKING:
    from oulad_platform.defs.resources import Platform


def configured() -> Platform:
    """The configured platform; settings are read before anything that is built from them is imported."""
    with plain_errors():
        settings = load()
        logs.configure(settings.log_format)
    from oulad_platform.defs.resources import Platform

    return Platform(settings)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What the platform refuses, an error class of its own, is told in its own words, without a traceback."""
    try:
        yield
    except (ValueError, RuntimeError, LookupError) as error:
        if not type(error).__module__.startswith("oulad_platform."):
            raise
        raise click.ClickException(str(error)) from error

"""The registrar: who is enrolled on which day, whatever system says so.

A source answers with one `Extract` a day: the rows exactly as it gave them, as text. Where they come from is a room of its own:
`replay` (registrations of OULAD and the demo), `database`, `files`, `https`. What an extract is, and how its columns are found,
is in `extract`; the settings are in `config`. Trimming, judging, storing and comparing extracts live elsewhere.
"""

from __future__ import annotations

from datetime import date

from oulad_platform.sources.registrar.config import RegistrarConfig
from oulad_platform.sources.registrar.database import DatabaseRegistrar
from oulad_platform.sources.registrar.extract import Extract, Registrar, RegistrarError
from oulad_platform.sources.registrar.files import FilesRegistrar
from oulad_platform.sources.registrar.https import HttpsRegistrar
from oulad_platform.sources.registrar.replay import ReplayRegistrar

__all__ = ["Extract", "Registrar", "RegistrarConfig", "RegistrarError", "ReplayRegistrar", "open_registrar"]


def open_registrar(
    config: RegistrarConfig,
    *,
    url: str | None,
    query: str | None,
    token: str | None,
    today: date,
    region: str | None,
    replay: ReplayRegistrar,
) -> Registrar:
    """The registrar that `config` describes; nothing is opened before it is asked for an extract.

    `url` (database, secrets included), `query` (its text) and `token` (HTTPS) never appear in a message. `today` is the day a
    source that describes now speaks of, `region` that of a bucket. Raises RegistrarError when its kind lacks what it needs.
    """
    if config.kind == "replay":
        return replay
    if config.kind == "database":
        if not url or not query:
            lacking = (
                "its URL: set ENROLLMENT_DB_URL" if not url else "its query: set ENROLLMENT_SQL_QUERY or registrar.query_file"
            )
            raise RegistrarError(f"the registrar's database lacks {lacking}")
        return DatabaseRegistrar(url, query, config, today)
    if not config.location:
        raise RegistrarError(f"the registrar of kind {config.kind} lacks its place: set registrar.location")
    return (
        FilesRegistrar(config.location, config, region)
        if config.kind == "files"
        else HttpsRegistrar(config.location, config, today, token)
    )

"""Extracts from an HTTPS endpoint: every page of JSON or CSV, or nothing.

How CSV is read is `files`; how pages follow one another is declared in `config`.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pandas as pd
import pyarrow as pa

from oulad_platform.core.checks import ContractError
from oulad_platform.sources.registrar.config import CANONICAL, RegistrarConfig
from oulad_platform.sources.registrar.extract import (
    COLUMN_NAMES,
    REQUIRED,
    Extract,
    RegistrarError,
    find_columns,
    refuse_other_days,
    rows_of,
    to_text,
)
from oulad_platform.sources.registrar.files import read_csv_batches

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

MAX_PAGES = 10_000
RETRIES = 3
BACKOFF_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60
RETRIED = (429, 500, 502, 503, 504)
REDIRECTS = 5


@dataclass(frozen=True)
class HttpsRegistrar:
    """The pages at `location`, asked with the bearer `token` if there is one."""

    location: str
    config: RegistrarConfig
    today: date
    token: str | None = field(default=None, repr=False)

    def extract(self, days: Sequence[date], tables: Mapping[str, pd.DataFrame]) -> Iterator[Extract]:
        """The rows of all pages of each day; `tables` are not used.

        Raises RegistrarError when a page fails after its retries, leads elsewhere or comes twice. Without a date parameter the
        endpoint describes now: it can be asked about `today` only.
        """
        if not self.config.pages.date_parameter:
            remedy = "set registrar.pages.date_parameter to ask about other days"
            refuse_other_days(days, self.today, "the registrar's endpoint has no date parameter, so it", remedy)
        with _session(self.token) as session:
            for day in days:
                yield Extract(day, self._rows(session, day), f"registrar's pages for {day}")

    def _rows(self, session: Session, day: date) -> pd.DataFrame:
        pages = self.config.pages
        parameters: dict[str, str] = {pages.date_parameter: day.isoformat()} if pages.date_parameter else {}
        url, visited, digests = self.location, set[str](), set[bytes]()
        names: list[str] = []
        batches: list[pa.Table] = []
        for number in range(1, MAX_PAGES + 1):
            where = f"registrar's pages for {day}, page {number:,} of {_without_query(self.location)}"
            if pages.page_parameter:
                parameters[pages.page_parameter] = str(number)
            response = self._get(session, url, parameters, where)
            body = _json(response.content, where) if _is_json(response) else None
            batch = self._batch(body, response.content, names, where)
            digest = hashlib.sha256(response.content).digest()
            if batch.num_rows and digest in digests:
                raise RegistrarError(f"{where}: is the same as an earlier page; check registrar.pages")
            digests.add(digest)
            batches.append(batch)
            if pages.page_parameter:
                following = url if batch.num_rows else None
            else:
                visited.add(url)
                following, parameters = self._next(response, body, where), {}
                if following in visited:
                    raise RegistrarError(f"{where}: names as the next page one that was read before; check registrar.pages")
            if following is None:
                return self._whole(names, batches, f"registrar's pages for {day}")
            url = following
        raise RegistrarError(f"registrar's pages for {day}: there are more than {MAX_PAGES:,}; ask for larger ones")

    def _whole(self, names: list[str], batches: list[pa.Table], where: str) -> pd.DataFrame:
        if not any(batch.num_rows for batch in batches) and not names:
            names = [source for column in REQUIRED for source in self.config.columns.get(column, (column,))]
            names += [source for column in COLUMN_NAMES for source in self.config.columns.get(column, ())]
        return rows_of(batches, find_columns(list(dict.fromkeys(names)), self.config, where), self.config)

    def _batch(self, body: Any, content: bytes, names: list[str], where: str) -> pa.Table:
        """The wanted columns of one page, named by their position in `names`, which takes up the names this page adds."""
        if body is not None:
            records = _records(body, self.config.pages.rows_field, where)
            names += [name for name in dict.fromkeys(name for record in records for name in record) if name not in names]
            wanted = {source.strip().casefold() for column in CANONICAL for source in self.config.columns.get(column, (column,))}
            texts = {
                str(place): to_text([record.get(name) for record in records], name, where, 1)
                for place, name in enumerate(names)
                if name.strip().casefold() in wanted
            }
            return pa.table(texts)
        if not content.strip() and names:
            return pa.table({})
        try:
            header, batches = read_csv_batches(io.BytesIO(content), where, self.config)
        except ContractError as error:
            raise RegistrarError(str(error)) from error
        if names and list(header) != names:
            raise RegistrarError(f"{where}: has other columns than the page before")
        names[:] = header
        return pa.concat_tables(batches) if batches else pa.table({})

    def _next(self, response: Response, body: Any, where: str) -> str | None:
        """The address of the next page, None after the last."""
        following = response.links.get("next", {}).get("url")
        if following is None and isinstance(body, dict):
            following = body.get(self.config.pages.next_field) or None
        if following is None:
            return None
        if not isinstance(following, str):
            raise RegistrarError(f"{where}: its {self.config.pages.next_field!r} is no address; set registrar.pages.next_field")
        return self._at_home(urljoin(response.url, following), "names as the next page", where)

    def _at_home(self, url: str, what: str, where: str) -> str:
        """The address, if it is on the configured host: neither the token nor the answer is anybody else's."""
        if _origin(url) != _origin(self.location):
            raise RegistrarError(f"{where}: {what} one on another host, {_without_query(url)}; correct registrar.location")
        return url

    def _get(self, session: Session, url: str, parameters: Mapping[str, str], where: str) -> Response:
        """The answer to one request, after redirects on the same host; RegistrarError unless it is whole and 200 or 204."""
        for _ in range(REDIRECTS + 1):
            response = self._answer(session, url, parameters, where)
            if not response.is_redirect:
                break
            url, parameters = self._at_home(urljoin(response.url, response.headers["Location"]), "is redirected to", where), {}
        if response.status_code in (401, 403):
            raise RegistrarError(
                f"{where}: HTTP {response.status_code} {response.reason}; check ENROLLMENT_API_TOKEN and its rights"
            )
        if response.status_code not in (200, 204):
            raise RegistrarError(
                f"{where}: HTTP {response.status_code} {response.reason}; nothing of this day was kept, run again"
            )
        return response

    def _answer(self, session: Session, url: str, parameters: Mapping[str, str], where: str) -> Response:
        from requests import exceptions as failures

        for wait in (*(BACKOFF_SECONDS * 2**n for n in range(RETRIES)), None):
            try:
                return session.get(url, params=parameters, timeout=self.config.pages.timeout_seconds, allow_redirects=False)
            except failures.ChunkedEncodingError as error:  # cut in the body, where the adapter no longer looks
                if wait is None:
                    raise RegistrarError(f"{where}: the answer is cut: {_reason(error)}; run again") from None
                time.sleep(wait)
            except failures.RequestException as error:
                raise RegistrarError(f"{where}: no answer: {_reason(error)}; check registrar.location and the network") from None
        raise AssertionError("the last attempt returns or raises")


def _session(token: str | None) -> Session:
    """A session that tries again after 429, 5xx and refused connections, waits as long as it is told, and signs its requests."""
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    signature = (token or "").strip()
    if not (signature.isascii() and signature.isprintable()) or " " in signature:
        raise RegistrarError("ENROLLMENT_API_TOKEN holds characters that a token cannot have; set it anew")

    def sign(request: PreparedRequest) -> PreparedRequest:  # also without a token, lest a .netrc file of the account signs
        if signature:
            request.headers["Authorization"] = f"Bearer {signature}"
        return request

    retry = Retry(
        total=RETRIES,
        backoff_factor=BACKOFF_SECONDS,
        status_forcelist=RETRIED,
        allowed_methods=["GET"],
        raise_on_status=False,
        retry_after_max=LONGEST_WAIT_SECONDS,
    )
    session = Session()
    session.auth = sign
    session.headers["Accept"] = "application/json, text/csv;q=0.9"
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: BaseException) -> str:
    """What the innermost error says: the outer ones repeat addresses, and with them whatever the addresses hold."""
    inner = getattr(error, "reason", None) or error.__cause__ or error.__context__ or next(iter(error.args), None)
    return _reason(inner) if isinstance(inner, BaseException) else str(error)


def _is_json(response: Response) -> bool:
    kind = response.headers.get("Content-Type", "").lower()
    return "json" in kind or ("csv" not in kind and response.content.lstrip()[:1] in (b"[", b"{"))


def _json(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise RegistrarError(f"{where}: is no JSON, or cut: {error}; run again") from error


def _records(body: Any, rows_field: str, where: str) -> list[dict[str, Any]]:
    records = body.get(rows_field) if isinstance(body, dict) else body
    if not isinstance(records, list):
        there = f"there are {', '.join(map(str, body))}" if isinstance(body, dict) else f"it is a {type(body).__name__}"
        raise RegistrarError(f"{where}: has no list of rows in {rows_field!r}, {there}; set registrar.pages.rows_field")
    if wrong := next((row for row, record in enumerate(records, start=1) if not isinstance(record, dict)), None):
        raise RegistrarError(f"{where}, row {wrong:,}: is no object with named fields")
    return records

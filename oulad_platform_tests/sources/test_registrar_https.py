"""Extracts from an HTTPS endpoint: a real server with a certificate of its own."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from oulad_platform.sources.registrar import RegistrarConfig, RegistrarError
from oulad_platform.sources.registrar import https as https_module
from oulad_platform.sources.registrar.https import HttpsRegistrar

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
Answer = tuple[int, dict[str, str], bytes]


class Endpoint:
    """A server whose answer to a path and its parameters is `answer`; `asked` keeps both, `tokens` the signatures."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.answer: Callable[[str, dict[str, str]], Answer] = lambda path, parameters: (404, {}, b"")
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.tokens: list[str | None] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
                endpoint.asked.append((parts.path, parameters))
                endpoint.tokens.append(self.headers["Authorization"])
                status, headers, body = endpoint.answer(parts.path, parameters)
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/enrolled"


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(https_module, "BACKOFF_SECONDS", 0.01)
    endpoint = Endpoint(tmp_path, authority)
    thread = threading.Thread(target=endpoint.server.serve_forever, args=(0.02,))
    thread.start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()
    thread.join()


def registrar(endpoint: Endpoint, token: str | None = "s3cret", **pages: Any) -> HttpsRegistrar:
    config = RegistrarConfig.model_validate({"kind": "https", "location": endpoint.url, "pages": pages})
    return HttpsRegistrar(endpoint.url, config, DAY, token)


def student(number: object) -> dict[str, object]:
    return {"student_id": number, "program": "Law", "division": "Arts", "level": "BA"}


def page(*students: object, **more: object) -> Answer:
    return 200, {}, json.dumps({"rows": [student(number) for number in students], **more}).encode()


def ids(registrar: HttpsRegistrar) -> list[object]:
    (extract,) = registrar.extract([DAY], {})
    assert (extract.rows.dtypes == "str").all()
    return extract.rows["student_id"].tolist()


def test_pages_follow_one_another_by_field_and_identifiers_stay_text(endpoint: Endpoint) -> None:
    answers = {"/enrolled": page("00123", 12, next="/enrolled/2?cursor=a"), "/enrolled/2": page("7 ", next=None)}
    endpoint.answer = lambda path, parameters: answers[path]
    assert ids(registrar(endpoint)) == ["00123", "12", "7 "]
    assert endpoint.tokens == ["Bearer s3cret"] * 2


def test_pages_follow_one_another_by_link_header_and_csv_is_read(endpoint: Endpoint) -> None:
    text = b"student_id,program,division,level\n%s,Law,Arts,BA\n"
    csv = {"Content-Type": "text/csv; charset=utf-8"}
    first = (200, csv | {"Link": '</enrolled/2>; rel="next"'}, text % b"00123")
    endpoint.answer = lambda path, parameters: first if path == "/enrolled" else (200, csv, text % b"12")
    assert ids(registrar(endpoint)) == ["00123", "12"]


def test_numbered_pages_are_asked_for_the_day_until_one_is_empty(endpoint: Endpoint) -> None:
    endpoint.answer = lambda path, parameters: page(*{"1": ("1",), "2": ("2",)}.get(parameters["page"], ()))
    days = registrar(endpoint, page_parameter="page", date_parameter="on").extract([NEXT], {})
    assert next(days).rows["student_id"].tolist() == ["1", "2"]
    assert [asked[1] for asked in endpoint.asked] == [{"on": "2026-03-03", "page": number} for number in "123"]


def test_an_empty_answer_is_an_extract_without_rows(endpoint: Endpoint) -> None:
    endpoint.answer = lambda path, parameters: (200, {}, b"[]")
    assert ids(registrar(endpoint)) == []


def test_without_a_date_parameter_only_today_can_be_asked(endpoint: Endpoint) -> None:
    with pytest.raises(RegistrarError, match=r"describes now \(2026-03-02\) and says nothing about 2026-03-03"):
        list(registrar(endpoint).extract([DAY, NEXT], {}))
    assert endpoint.asked == []


@pytest.mark.fault("B1")
def test_a_503_twice_then_fine_is_fine(endpoint: Endpoint) -> None:
    endpoint.answer = lambda path, parameters: (503, {}, b"") if len(endpoint.asked) < 3 else page("1")
    assert ids(registrar(endpoint)) == ["1"]


@pytest.mark.fault("B6")
@pytest.mark.parametrize(
    ("third", "reason"),
    [
        ((500, {}, b""), "page 3 of .*: HTTP 500"),
        ((401, {}, b""), "page 3 of .*: HTTP 401 Unauthorized; check ENROLLMENT_API_TOKEN"),
        ((200, {}, b'{"rows": [{"stud'), "page 3 of .*: is no JSON, or cut"),
        ((200, {"Content-Length": "9999"}, b"{}"), "page 3 of .*: the answer is cut|page 3 of .*: no answer"),
        ((200, {}, b'{"data": []}'), "page 3 of .*: has no list of rows in 'rows', there are data"),
        (page(12.5), "page 3 of .*, row 1, student_id: is of type float, neither text nor whole"),
        (
            page("9", next="https://elsewhere.example/3"),
            "page 3 of .*: names as the next page one on another host, https://elsewhere",
        ),
        (page("9", next="/p/2"), "page 3 of .*: names as the next page one that was read before"),
        (page("2", next="/p/3"), "page 3 of .*: is the same as an earlier page"),
        ((302, {"Location": "https://elsewhere.example/"}, b""), "page 3 of .*: is redirected to one on another host"),
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "page 3 of .*: is a web page or XML"),
    ],
)
def test_a_page_that_fails_fails_the_day(endpoint: Endpoint, third: Answer, reason: str) -> None:
    answers = {"/enrolled": page("1", next="/p/2"), "/p/2": page("2", next="/p/3"), "/p/3": third}
    endpoint.answer = lambda path, parameters: answers[path]
    with pytest.raises(RegistrarError, match=reason) as refused:
        list(registrar(endpoint).extract([DAY], {}))
    assert "s3cret" not in f"{refused.value} {registrar(endpoint)!r}"


@pytest.mark.fault("G8")
def test_an_unknown_certificate_is_refused(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setattr(https_module, "RETRIES", 0)
    with pytest.raises(RegistrarError, match=r"no answer: .*CERTIFICATE_VERIFY_FAILED.*check registrar.location"):
        ids(registrar(endpoint))
    assert endpoint.asked == []


def test_a_token_that_no_header_can_hold_is_refused_unseen(endpoint: Endpoint) -> None:
    with pytest.raises(RegistrarError, match="ENROLLMENT_API_TOKEN holds characters") as refused:
        ids(registrar(endpoint, token="s3\ncret"))
    assert "s3" not in str(refused.value)

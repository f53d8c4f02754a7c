"""deploy/nginx/nginx.conf in a real nginx, before stand-ins of the login and of both web servers."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

CONFIGURATION = Path(__file__).parents[2] / "deploy/nginx/nginx.conf"
HOST = "dagster.university.edu"
OURS = {"Origin": f"https://{HOST}"}
VIEWER, OPERATOR = {"Cookie": "session=viewer"}, {"Cookie": "session=operator"}
GROUPS = {"session=viewer": "dagster-viewers", "session=operator": "staff,dagster-operators"}
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}


class WebServer(BaseHTTPRequestHandler):
    """Says which server it is."""

    name = ""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("X-Upgrade", self.headers.get("Upgrade", ""))
        self.end_headers()
        self.wfile.write(self.name.encode())

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


class Operators(WebServer):
    name = "operators"


class Viewers(WebServer):
    name = "viewers"


class Login(WebServer):
    """Knows two sessions, as oauth2-proxy would from its cookie."""

    def do_GET(self) -> None:
        groups = GROUPS.get(self.headers.get("Cookie", ""))
        self.send_response(202 if groups else 401 if self.path == "/oauth2/auth" else 200)
        if groups:
            self.send_header("X-Auth-Request-Groups", groups)
        self.end_headers()


class Proxy:
    """Asks nginx by TLS."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        self._port, self._trusted = port, trusted

    def ask(self, method: str, path: str, *headers: dict[str, str], host: str = HOST) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._trusted, timeout=10)
        connection.request(method, path, headers={"Host": host} | {name: value for one in headers for name, value in one.items()})
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read().decode()
        connection.close()
        return found


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        pytest.skip("no nginx in PATH or /usr/sbin (Debian: apt-get install nginx-light)")
    folder = tmp_path_factory.mktemp("nginx")
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (Operators, Viewers, Login)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "fullchain.pem", append=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = {
        "443": f"127.0.0.1:{port}",
        "/etc/nginx/tls": str(folder),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "/var/log/nginx/dagster.log": str(folder / "access.log"),
        **{
            f"127.0.0.1:{there};": f"127.0.0.1:{server.server_port};"
            for there, server in zip((3000, 3001, 4180), servers, strict=True)
        },
    }
    text = CONFIGURATION.read_text()
    for there, one in here.items():
        assert there in text
        text = text.replace(there, one)
    temporary = "".join(f"{kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(text.replace("http {", f"http {{\n{temporary}", 1))
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([*command, "-g", "daemon off; master_process off;"])
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.check_hostname = False  # the address is the loopback's; the certificate's chain is still checked
    try:
        _wait_for(port)
        yield Proxy(port, context)
    finally:
        process.kill()
        process.wait(10)
        for server in servers:
            server.shutdown()
            server.server_close()


def test_who_has_not_logged_in_is_sent_to_the_login_and_graphql_is_refused(proxy: Proxy) -> None:
    status, headers, _ = proxy.ask("GET", "/runs")

    assert (status, urlsplit(headers["Location"]).path, urlsplit(headers["Location"]).query) == (302, "/oauth2/start", "rd=/runs")
    assert proxy.ask("POST", "/graphql", OURS)[0] == 401
    assert proxy.ask("GET", "/oauth2/auth")[0] == 404


def test_operators_reach_the_web_server_that_launches_and_others_the_read_only_one(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/runs", OPERATOR)[2] == "operators"
    assert proxy.ask("GET", "/runs", VIEWER)[2] == "viewers"
    assert proxy.ask("POST", "/graphql", OPERATOR, OURS)[2] == "operators"
    assert proxy.ask("POST", "/graphql", VIEWER, OURS)[2] == "viewers"
    assert proxy.ask("GET", "/runs", VIEWER, {"X-Auth-Request-Groups": "dagster-operators"})[2] == "viewers"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/graphql"), ("HEAD", "/graphql"), ("PUT", "/graphql"), ("GET", "//graphql"), ("GET", "/%67raphql")],
)
def test_a_mutation_by_anything_but_post_is_refused(proxy: Proxy, method: str, path: str) -> None:
    assert proxy.ask(method, f"{path}?query=mutation%7Blaunch%7D", OPERATOR, OURS)[0] == 403


def test_another_sites_page_is_refused(proxy: Proxy) -> None:
    elsewhere = {"Origin": "https://evil.example"}

    assert proxy.ask("POST", "/graphql", OPERATOR, elsewhere)[0] == 403
    assert proxy.ask("POST", "/graphql", OPERATOR, {"Origin": "null"})[0] == 403
    assert proxy.ask("GET", "/graphql", OPERATOR, elsewhere, UPGRADE)[0] == 403
    assert proxy.ask("GET", "/graphql", OPERATOR, UPGRADE)[0] == 403
    assert proxy.ask("POST", "/", OPERATOR, elsewhere)[0] == 403


def test_the_pages_own_websocket_and_a_script_without_origin_pass(proxy: Proxy) -> None:
    status, headers, _ = proxy.ask("GET", "/graphql", OPERATOR, OURS, UPGRADE)

    assert (status, headers["X-Upgrade"]) == (200, "websocket")
    assert proxy.ask("POST", "/graphql", OPERATOR)[0] == 200


def test_another_host_is_refused(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/runs", OPERATOR, host="evil.example")[0] == 421
    assert proxy.ask("POST", "/graphql", OPERATOR, OURS, host="127.0.0.1")[0] == 421


def test_no_page_may_frame_it_and_events_cannot_be_reported(proxy: Proxy) -> None:
    headers = proxy.ask("GET", "/runs", OPERATOR)[1]

    assert (headers["X-Frame-Options"], headers["Content-Security-Policy"]) == ("DENY", "frame-ancestors 'none'")
    assert proxy.ask("POST", "/report_asset_materialization/a", OPERATOR, OURS)[0] == 403


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx does not listen")

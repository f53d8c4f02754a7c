"""A stand-in for the container engine: services of docker-compose.yml as processes with their own command, user, environment,
secrets, read-only root file system and no capability, in a mount namespace each. Only addresses of hosts are replaced.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
IMAGE_FILES = {"entrypoint.sh": "deploy", "make_secrets.sh": "deploy", "workspace.yaml": "deploy", "dagster.yaml": "home"}
START_SECONDS, STOP_SECONDS = 90, 20

# Positional: root of the image's files, secrets, virtual environment, Python's own folder, uid, gid. Then the command.
ENTER = """
set -eu
image=$1 secrets=$2 venv=$3 base=$4 uid=$5 gid=$6; shift 6
mount -t tmpfs tmpfs /media
for kept in image secrets venv base; do
    mkdir /media/$kept; eval "mount --bind \\"\\$$kept\\" /media/$kept"
done
mount -t tmpfs tmpfs /run; mkdir /run/secrets; mount --bind /media/secrets /run/secrets; mount -o remount,bind,ro /run/secrets
mount --bind /media/image /srv
for volume in state logs; do mount --bind /media/image/oulad/$volume /srv/oulad/$volume; done
mount -o remount,bind,ro /srv
mount -t tmpfs -o mode=755 tmpfs /root
mount -t tmpfs -o mode=1777 tmpfs /tmp
for kept in venv base; do
    eval "where=\\$$kept"; case $where in /root/*|/tmp/*) mkdir -p "$where"; mount --bind /media/$kept "$where";; esac
done
mount -o remount,bind,ro /
cd /srv/oulad/state
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
"""


def compose() -> dict[str, Any]:
    """docker-compose.yml with its anchors and merges resolved."""
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return loaded


def dockerfile(path: str = "deploy/Dockerfile") -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with the rest of its line; continuation lines joined."""
    text = (REPOSITORY / path).read_text().replace("\\\n", " ")
    lines = [line.split("#")[0].strip() if line.startswith("#") else line.strip() for line in text.splitlines()]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)]


def image_environment() -> dict[str, str]:
    """ENV of the image's last stage, without PATH."""
    stages = [at for at, (word, _) in enumerate(dockerfile()) if word == "FROM"]
    pairs = [pair for word, rest in dockerfile()[stages[-1] :] if word == "ENV" for pair in rest.split()]
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs) if name != "PATH"}


def resolved(value: str, variables: Mapping[str, str]) -> str:
    """Text of the compose file with `${NAME:-default}` replaced."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1]) or found[2], value)


def require_namespaces() -> None:
    """Skips where a process cannot be given a file system of its own."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        pytest.skip(
            "a stand-in for containers needs root, unshare and setpriv (util-linux): sudo pytest oulad_platform_tests/deploy"
        )
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/media"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this machine lets nobody mount: {tried.stderr}")


@dataclass
class Machine:
    """A folder with the image's files, its volumes and the secrets, and the services that run there."""

    root: Path
    ports: Mapping[str, int]
    variables: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        image = self.root / "image/oulad"
        for folder in ("deploy", "home", "state", "logs", "files"):
            (image / folder).mkdir(parents=True)
        for name, folder in IMAGE_FILES.items():
            shutil.copy(REPOSITORY / "deploy" / name, image / folder)
        shutil.copy(REPOSITORY / "platform.yaml", image / "state")
        shutil.copytree(REPOSITORY / "sql", image / "state/sql")
        for volume in ("state", "logs"):
            os.chown(image / volume, 10001, 10001)
        subprocess.run(["sh", REPOSITORY / "deploy/make_secrets.sh", self.secrets], check=True)
        for file in self.secrets.iterdir():
            self._write(file, self._here(file.read_text(), "postgres"))
        self.root.chmod(0o755)

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    def command(self, service: str) -> list[str]:
        """The command line that stands for `docker compose run` of the service."""
        described = compose()["services"][service]
        mounted = self.root / "mounted" / service
        mounted.mkdir(parents=True, exist_ok=True)
        for name in described.get("secrets", ()):
            shutil.copy(self.secrets / name, mounted)
        uid, gid = described["user"].split(":")
        venv = Path(sys.prefix)
        given = {name: self.variables.get(name) if value is None else value for name, value in described["environment"].items()}
        words = {
            name: self._here(resolved(str(value), self.variables), service) for name, value in given.items() if value is not None
        }
        words = {**image_environment(), **words, "PATH": f"{venv}/bin:/usr/bin:/bin"}
        return [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"),
            *map(str, (self.root / "image", mounted, venv, sys.base_prefix, uid, gid)),
            *("env", "-i", *(f"{name}={value}" for name, value in words.items())),
            *("sh", "/srv/oulad/deploy/entrypoint.sh"),
        ]

    def own_command(self, service: str) -> list[str]:
        return [self._here(word, service) for word in compose()["services"][service]["command"]]

    def run(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the service's command, or `words` in its place, to its end."""
        command = [*self.command(service), *(words or self.own_command(service))]
        return subprocess.run(command, capture_output=True, text=True, timeout=240)

    def start(self, service: str) -> None:
        """Starts the service and waits until its own health check succeeds."""
        with (self.root / f"{service}.log").open("wb") as log:
            command = [*self.command(service), *self.own_command(service)]
            self.running[service] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def is_healthy(self, service: str) -> bool:
        _, *check = compose()["services"][service]["healthcheck"]["test"]
        return self.run(service, *(self._here(word, service) for word in check)).returncode == 0

    def wait(self, what: str, is_done: Callable[[], object], seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and all(process.poll() is None for process in self.running.values()):
            if is_done():
                return
            time.sleep(0.3)
        pytest.fail(f"{what}: not within {seconds} s\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{(self.root / f'{name}.log').read_text()[-4000:]}" for name in self.running)

    def stop(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS)

    def _here(self, text: str, service: str) -> str:
        """A word of the compose file with this machine's ports, since there is one loopback interface for all services."""
        own = str(self.ports.get(service, ""))
        words = {"code": "127.0.0.1", "0.0.0.0": "127.0.0.1", "4000": str(self.ports["code"]), "3000": own}
        text = words.get(text, text).replace("postgres:5432", f"127.0.0.1:{self.ports['postgres']}")
        return text.replace("127.0.0.1:3000", f"127.0.0.1:{own}")

    @staticmethod
    def _write(file: Path, text: str) -> None:
        file.chmod(0o600)
        file.write_text(text)
        file.chmod(0o444)


@contextlib.contextmanager
def postgres(folder: Path, port: int, binaries: Path, password: str) -> Iterator[dict[str, str]]:
    """A cluster that asks for passwords; answers the environment with which psql is its superuser."""
    folder.mkdir()
    shutil.chown(folder, "postgres")
    secret = folder / "password"
    secret.write_text(password)
    shutil.chown(secret, "postgres")

    def run(*words: object) -> None:
        command: Sequence[str] = ["runuser", "-u", "postgres", "--", *map(str, words)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    data = folder / "data"
    run(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync")
    options = f"-F -p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGPASSWORD": password, "PATH": f"{binaries}:/usr/bin:/bin"}
    finally:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")

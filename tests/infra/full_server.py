"""A Prefect server as compose.yaml runs it, on a Postgres and a Redis that are started for it, without Docker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from compose_file import INFRA, compose, variables_of_example
from servers import free_port, wait_for

ROOT = INFRA.parent
BIN = Path(sys.executable).parent
SECRETS = {
    "PREFECT_AUTH": "admin:pAss-of-the-api",
    "POSTGRES_PASSWORD": "pAss0fPostgres",
    "PREFECT_ENCRYPTION_KEY": "a2V5LW9mLXRoZS1ibG9ja3MtMzItYnl0ZXMtbG9uZyE=",
    "AWS_ACCESS_KEY_ID": "idOfS3",
    "AWS_SECRET_ACCESS_KEY": "pAssOfS3",
    "GITHUB_TOKEN": "tOkenOfGitHub",
    "HF_TOKEN": "tOkenOfTheHub",
}


@dataclass
class Stack:
    """What runs, and how to run more of it: `services` is compose.yaml's, its variables filled in."""

    services: dict[str, Any]
    folder: Path
    api: str
    postgres: int
    redis: int
    bin: Path
    logs: list[Path] = field(default_factory=list)

    def environment(self, service: str) -> dict[str, str]:
        """A service's environment, its hosts replaced by where they are here."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "RECTO_"))}
        said = {k: v for k, v in self.services[service]["environment"].items() if v is not None}
        here = {
            "PREFECT_HOME": str(self.folder / service),
            "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
            "PREFECT_REDIS_MESSAGING_PORT": str(self.redis),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        database = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
        if database in said:
            said[database] = said[database].replace("@postgres:5432", f"@127.0.0.1:{self.postgres}")
        return {**inherited, **said, **here, "PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(self, command: list[str], service: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command to its end, in a service's environment."""
        return subprocess.run(
            command,
            env=self.environment(service) | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @contextmanager
    def running(self, service: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A service, by its own command; its log is kept."""
        log = self.folder / f"{service}.log"
        self.logs.append(log)
        command = [word.replace("0.0.0.0", "127.0.0.1") for word in self.services[service]["command"]]
        environment = self.environment(service)
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, *more],
                env=environment,
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()

    def database(self) -> str:
        """All that the database holds, as text."""
        return self._client("pg_dump", "--inserts").stdout

    def query(self, sql: str) -> str:
        return self._client("psql", "-At", "-c", sql).stdout

    def _client(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = ["-h", "127.0.0.1", "-p", str(self.postgres), "-U", "prefect", "-d", "prefect"]
        env = {**os.environ, "PGPASSWORD": SECRETS["POSTGRES_PASSWORD"]}
        return subprocess.run(
            [self.bin / program, *where, *arguments], env=env, capture_output=True, text=True, check=True
        )


@contextmanager
def _postgres(folder: Path, programs: Path, port: int) -> Iterator[None]:
    """A cluster with the role and database of compose.yaml; it refuses to run as root."""
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    password = folder / "password"
    password.write_text(SECRETS["POSTGRES_PASSWORD"])
    data = folder / "data"
    init = ["--auth=scram-sha-256", "--username=prefect", f"--pwfile={password}", "--encoding=UTF8", "--no-sync"]
    options = f"-p {port} -h 127.0.0.1 -k {folder}"
    control = [*user, programs / "pg_ctl", "-D", data, "-l", folder / "log"]
    subprocess.run([*user, programs / "initdb", "-D", data, *init], cwd="/", check=True, capture_output=True)
    subprocess.run([*control, "-w", "-o", options, "start"], cwd="/", check=True, stdout=subprocess.DEVNULL)
    try:
        subprocess.run(
            [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "prefect", "prefect"],
            env={**os.environ, "PGPASSWORD": SECRETS["POSTGRES_PASSWORD"]},
            check=True,
        )
        yield
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], cwd="/", check=False, stdout=subprocess.DEVNULL)


@contextmanager
def stack(folder: Path, store: str) -> Iterator[Stack]:
    """Postgres, Redis, API server, background services; set up as compose.yaml's `setup` does."""
    found = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if found is None or not shutil.which("redis-server"):
        pytest.skip("no Postgres and Redis (apt install postgresql redis-server)")
    pytest.importorskip("prefect_redis", reason="pip install recto[server]")
    variables = variables_of_example() | SECRETS | {"RECTO_HOME": store}
    variables["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"]
    services = compose(variables)["services"]
    for name in ("AWS_ENDPOINT_URL", "GITHUB_TOKEN", "HF_TOKEN"):
        services["worker"]["environment"][name] = variables[name]  # what Compose takes from the env file by name alone
    port, postgres, redis = free_port(), free_port(), free_port()
    running = Stack(services, folder, f"http://127.0.0.1:{port}/api", postgres, redis, found)
    with tempfile.TemporaryDirectory() as data, ExitStack() as open_:
        Path(data).chmod(0o755)
        open_.enter_context(_postgres(Path(data), found, postgres))
        command = ["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        started = subprocess.Popen([*command, "--rdbcompression", "no"], stdout=subprocess.DEVNULL)
        open_.callback(started.wait)
        open_.callback(started.terminate)
        server = open_.enter_context(running.running("server", "--port", str(port)))
        wait_for(f"{running.api}/health", server, folder / "server.log")
        open_.enter_context(running.running("services"))
        done = running.run(services["setup"]["command"], "setup")
        assert done.returncode == 0, done.stdout + done.stderr
        yield running

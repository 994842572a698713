"""The private servers start, answer, and go when they are told to or when whoever started them is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deploy.errors import DeployError
from deploy.servers.docker_engine import DockerServer
from deploy.servers.marks import marked_processes
from deploy.servers.postgresql import PostgreSQL
from deploy.servers.process import Program
from deploy.servers.registry import RegistryServer
from deploy.servers.supervisor import Supervisor
from tests.support.servers import Broker
from tests.support.waiting import wait_for

_STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from deploy.servers.process import Program
from deploy.servers.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
supervisor.start(Program(name="sleeper", command=["sleep", "300"]))
print("started", flush=True)
time.sleep(300)
"""


def test_a_test_has_a_virtual_host_of_its_own(broker: Broker) -> None:
    names = {item["name"] for item in broker.admin("GET", "vhosts").json()}

    assert broker.vhost in names


def test_the_docker_engine_answers_with_an_empty_store(docker_engine: DockerServer) -> None:
    transport = httpx.HTTPTransport(uds=str(docker_engine.socket))
    with httpx.Client(transport=transport) as client:
        info = client.get("http://docker/info").json()

    assert info["Driver"] == "overlay2"
    assert info["Swarm"]["LocalNodeState"] == "inactive"


def test_the_registry_speaks_the_distribution_api(registry: RegistryServer) -> None:
    assert httpx.get(f"{registry.url}/v2/_catalog").json() is not None


def test_postgresql_gives_each_test_an_empty_database(postgresql_server: PostgreSQL, postgresql_url: str) -> None:
    with postgresql_server.connect(postgresql_url.rsplit("/", 1)[1]) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert tables == (0,)


def test_a_program_that_ends_as_it_starts_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        program = Program(name="broken", command=["sh", "-c", "echo no such port; exit 3"], ready=lambda: False)
        with pytest.raises(DeployError, match="ended with status 3") as caught:
            supervisor.start(program)

    assert "no such port" in caught.value.explained()


def test_what_a_stubborn_program_started_goes_with_it(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        command = ["sh", "-c", "trap '' TERM; sleep 301 & sleep 302"]
        supervisor.start(Program(name="stubborn", command=command, stop_seconds=0.2))

    assert list(marked_processes(tmp_path)) == []


def test_a_process_of_somebody_else_is_never_stopped(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "303"])
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Program(name="ours", command=["sleep", "304"]))

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_nothing_survives_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STARTS_AND_WAITS, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"started\n"
        assert list(marked_processes(tmp_path))

        supervisor.send_signal(signal.SIGKILL)

    wait_for("everything it started to end", lambda: not list(marked_processes(tmp_path)), 60)

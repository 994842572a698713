"""The agent as a process, as its owner starts it, with a real broker and a real Docker Engine."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import docker.errors
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from deploy.servers.docker_engine import DockerServer
from deploy.servers.registry import RegistryServer
from provider_agent.machine import config as configs
from provider_agent.machine import keys
from provider_agent.machine.config import Config, Offer
from provider_agent.machine.home import AgentHome
from tests.support.agent.far_side import AgentFarSide
from tests.support.images import Images
from tests.support.servers import Broker
from tests.support.tickets import PROVIDER_ID, Controller, a_ticket
from tests.support.waiting import wait_for
from wire import signing
from wire.envelope import dump, parse_as
from wire.limits import Limits
from wire.messages import (
    Accepted,
    Cancel,
    Finished,
    Heartbeat,
    JobOrder,
    JobRefused,
    Receipt,
    ResultAcknowledged,
    Started,
    Ticket,
)
from wire.outcomes import ExitState, RefusalReason
from wire.signing import sha256_hex

SECONDS = 60


class AgentProcess:
    """`chainfaas-agent run` with a home of its own."""

    def __init__(self, home: AgentHome, docker_host: str, log: Path) -> None:
        self.home = home
        self._docker_host = docker_host
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "provider_agent", *words, "--home", str(self.home.path)]

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("run", "--docker-host", self._docker_host), stdout=log, stderr=log
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def status(self) -> dict[str, object]:
        said = subprocess.run(self.command("status", "--json"), capture_output=True, check=False)
        found: dict[str, object] = json.loads(said.stdout)
        return found

    @property
    def logs(self) -> str:
        return self._log.read_text()


@pytest.fixture
def controller() -> Controller:
    return Controller()


@pytest.fixture
def far(broker: Broker) -> Iterator[AgentFarSide]:
    side = AgentFarSide(broker)
    yield side
    side.close()


@pytest.fixture
def home(tmp_path: Path, far: AgentFarSide, controller: Controller, registry: RegistryServer) -> AgentHome:
    place = AgentHome(tmp_path / "home")
    place.create()
    keys.load_or_create(place)
    config = Config(
        provider_id=PROVIDER_ID,
        name="attic",
        portal_url="https://localhost:1",
        certificate_pem="",
        root_key_pem=controller.root.public.pem,
        broker_url=far.login.url,
        broker_vhost=far.login.vhost,
        broker_user=far.login.user,
        jobs_queue=far.login.jobs_queue,
        control_queue=far.login.control_queue,
        heartbeat_seconds=15,
        allowed_registries=(registry.url,),
        offer=Offer(price_nano_per_ms=10, slots=2, memory_mb=256, cpu_millis=2000),
    )
    configs.store(place, config, broker_password=far.login.password)
    return place


@pytest.fixture
def agent(home: AgentHome, docker_engine: DockerServer, tmp_path: Path) -> Iterator[AgentProcess]:
    process = AgentProcess(home, docker_engine.url, tmp_path / "agent.log")
    yield process
    if process.process and process.process.poll() is None:
        process.process.kill()
        process.process.wait()


@pytest.fixture
def send(far: AgentFarSide, controller: Controller) -> Callable[[Ticket], JobOrder]:
    def send_ticket(ticket: Ticket) -> JobOrder:
        order = controller.order(ticket)
        far.send_order(dump(order))
        return order

    return send_ticket


@pytest.fixture
def sleeper(images: Images) -> Callable[[], Ticket]:
    """Makes tickets whose container runs for a minute."""

    def ticket() -> Ticket:
        program = {"PROGRAM": "import time; time.sleep(60)"}
        return a_ticket(image=images.python, environment=program, limits=Limits(timeout_ms=60_000))

    return ticket


Send = Callable[[Ticket], JobOrder]


def finished(far: AgentFarSide, job_id: str, meanwhile: Callable[[], None] = lambda: None) -> Finished:
    def found() -> list[Finished]:
        meanwhile()
        return [event for event in far.received() if isinstance(event, Finished) and event.job_id == job_id]

    return wait_for(f"{job_id} to finish", found, SECONDS)[-1]


def let_end(engine: docker.APIClient, ticket: Ticket) -> None:
    """Send the program of a ticket's container SIGUSR1, in vain as long as it does not wait for that."""
    for container in engine.containers(filters={"label": f"chainfaas.job={ticket.job_id}"}):
        with suppress(docker.errors.APIError):  # It ended meanwhile.
            engine.kill(container["Id"], "SIGUSR1")


def started(far: AgentFarSide, job_id: str) -> None:
    def found() -> bool:
        return any(isinstance(event, Started) and event.job_id == job_id for event in far.received())

    wait_for(f"{job_id} to start", found, SECONDS)


def receipt_of(event: Finished | JobRefused, home: AgentHome) -> Receipt:
    assert event.receipt
    return parse_as(Receipt, keys.load(home).signing.public.verify(event.receipt, signing.RECEIPT))


def test_a_ticket_becomes_a_result_with_a_signed_receipt(
    agent: AgentProcess, far: AgentFarSide, send: Send, images: Images
) -> None:
    agent.start()
    ticket = a_ticket(image=images.demo, input=b"one two three")

    order = send(ticket)

    event = finished(far, ticket.job_id)
    receipt = receipt_of(event, agent.home)
    assert b'"words":3' in event.output.replace(b" ", b"")
    assert receipt.exit_state is ExitState.SUCCEEDED
    assert receipt.ticket_digest == sha256_hex(signing.payload_of(order.ticket))
    assert receipt.output_digest == sha256_hex(event.output)
    assert event.ticket == order.ticket
    assert [type(item) for item in far.received() if not isinstance(item, Heartbeat)] == [Accepted, Started, Finished]
    assert "one two three" not in agent.logs
    far.send_control(dump(ResultAcknowledged(job_id=ticket.job_id)))
    wait_for("the spool to be empty", lambda: agent.status().get("results_waiting") == 0, SECONDS)
    assert agent.stop() == 0


def test_several_jobs_run_at_once_and_more_than_the_slots_are_refused(
    agent: AgentProcess, far: AgentFarSide, send: Send, sleeper: Callable[[], Ticket]
) -> None:
    agent.start()
    tickets = [sleeper() for _ in range(3)]

    for ticket in tickets:
        send(ticket)

    started(far, tickets[0].job_id)
    started(far, tickets[1].job_id)
    refused = wait_for(
        "the third to be refused", lambda: [item for item in far.received() if isinstance(item, JobRefused)], SECONDS
    )
    assert (refused[0].job_id, refused[0].reason) == (tickets[2].job_id, RefusalReason.NO_FREE_SLOT)
    assert receipt_of(refused[0], agent.home).exit_state is ExitState.REFUSED
    for ticket in tickets[:2]:
        far.send_control(dump(Cancel(job_id=ticket.job_id)))
    assert {receipt_of(finished(far, ticket.job_id), agent.home).exit_state for ticket in tickets[:2]} == {
        ExitState.CRASHED
    }


def test_an_agent_killed_in_mid_job_reports_it_as_crashed_when_it_is_back(
    agent: AgentProcess, far: AgentFarSide, send: Send, sleeper: Callable[[], Ticket], engine: docker.APIClient
) -> None:
    agent.start()
    ticket = sleeper()
    send(ticket)
    started(far, ticket.job_id)
    agent.stop(signal.SIGKILL)
    mine = {"label": f"chainfaas.provider={PROVIDER_ID}"}
    assert len(engine.containers(filters=mine)) == 1

    agent.start()

    event = finished(far, ticket.job_id)
    assert receipt_of(event, agent.home).exit_state is ExitState.CRASHED
    assert engine.containers(all=True, filters=mine) == []


def test_a_result_is_sent_again_after_kill_9_until_it_is_acknowledged(
    agent: AgentProcess, far: AgentFarSide, send: Send, images: Images
) -> None:
    agent.start()
    ticket = a_ticket(image=images.demo, input=b"word")
    send(ticket)
    first = finished(far, ticket.job_id)
    agent.stop(signal.SIGKILL)

    agent.start()

    def again() -> list[Finished]:
        return [event for event in far.received() if isinstance(event, Finished)][1:]

    assert all(event == first for event in wait_for("the result again", again, SECONDS))

    far.send_control(dump(ResultAcknowledged(job_id=ticket.job_id)))
    wait_for("the spool to be empty", lambda: agent.status().get("results_waiting") == 0, SECONDS)
    sent = len(again())
    agent.stop(signal.SIGKILL)
    agent.start()
    send(marker := a_ticket(image=images.demo))

    finished(far, marker.job_id)
    assert agent.status()["results_waiting"] == 1
    assert [event.job_id for event in again()[sent:]] == [marker.job_id]


def test_a_replayed_ticket_runs_once(
    agent: AgentProcess, far: AgentFarSide, controller: Controller, images: Images
) -> None:
    agent.start()
    order = dump(controller.order(ticket := a_ticket(image=images.demo)))
    far.send_order(order)
    finished(far, ticket.job_id)
    far.send_control(dump(ResultAcknowledged(job_id=ticket.job_id)))
    wait_for("the spool to be empty", lambda: agent.status().get("results_waiting") == 0, SECONDS)

    far.send_order(order)
    far.send_order(dump(controller.order(marker := a_ticket(image=images.demo))))

    finished(far, marker.job_id)
    assert [event.job_id for event in far.received() if isinstance(event, Started)] == [ticket.job_id, marker.job_id]


def test_a_draining_agent_finishes_its_job_refuses_others_and_leaves(
    agent: AgentProcess, far: AgentFarSide, send: Send, images: Images, engine: docker.APIClient
) -> None:
    agent.start()
    source = "import signal as s; s.pthread_sigmask(s.SIG_BLOCK, [s.SIGUSR1]); s.sigwait([s.SIGUSR1]); print('done')"
    running = a_ticket(image=images.python, environment={"PROGRAM": source})
    send(running)
    started(far, running.job_id)
    assert agent.process
    agent.process.send_signal(signal.SIGTERM)
    wait_for(
        "the heartbeat that says so",
        lambda: any(isinstance(event, Heartbeat) and event.draining for event in far.received()),
        SECONDS,
    )

    send(late := a_ticket(image=images.demo))

    refused = wait_for(
        "the late one to be refused", lambda: [item for item in far.received() if isinstance(item, JobRefused)], SECONDS
    )
    assert (refused[0].job_id, refused[0].reason) == (late.job_id, RefusalReason.DRAINING)
    assert finished(far, running.job_id, lambda: let_end(engine, running)).output == b"done\n"
    assert agent.process.wait(SECONDS) == 0


def test_a_second_signal_stops_at_once_and_reports_what_ran(
    agent: AgentProcess, far: AgentFarSide, send: Send, sleeper: Callable[[], Ticket], engine: docker.APIClient
) -> None:
    agent.start()
    send(ticket := sleeper())
    started(far, ticket.job_id)
    assert agent.process

    agent.process.send_signal(signal.SIGTERM)
    wait_for("the drain", lambda: "agent.draining" in agent.logs, SECONDS)
    agent.process.send_signal(signal.SIGTERM)

    assert agent.process.wait(SECONDS) == 0
    assert receipt_of(finished(far, ticket.job_id), agent.home).exit_state is ExitState.CRASHED
    assert engine.containers(all=True, filters={"label": f"chainfaas.provider={PROVIDER_ID}"}) == []


def test_the_agent_shows_health_metrics_and_status_on_loopback(agent: AgentProcess, far: AgentFarSide) -> None:
    agent.start()
    wait_for("a heartbeat", lambda: any(isinstance(event, Heartbeat) for event in far.received()), SECONDS)
    port = json.loads(agent.home.running.read_text())["port"]
    base = f"http://127.0.0.1:{port}"

    def get(path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{base}{path}", headers=headers, timeout=SECONDS)

    assert get("/healthz").json() == {"healthy": True}
    assert "chainfaas_agent_free_slots 2.0" in get("/metrics").text
    assert get("/healthz", Host=f"evil.example:{port}").status_code == 404
    said = subprocess.run(agent.command("status"), capture_output=True, check=True, text=True).stdout
    assert "2 of 2 free" in said
    assert far.login.password not in said + get("/status").text


def test_two_agents_do_not_share_a_home(agent: AgentProcess, far: AgentFarSide) -> None:
    agent.start()
    wait_for("a heartbeat", lambda: any(isinstance(event, Heartbeat) for event in far.received()), SECONDS)

    second = subprocess.run(agent.command("run"), capture_output=True, check=False, text=True)

    assert second.returncode == 1
    assert "another agent runs with" in second.stderr


def test_doctor_says_of_each_part_whether_it_is_well(
    agent: AgentProcess, docker_engine: DockerServer, home: AgentHome
) -> None:
    said = subprocess.run(
        agent.command("doctor", "--json", "--docker-host", docker_engine.url), capture_output=True, check=False
    )

    levels = {item["name"]: item["level"] for item in json.loads(said.stdout)}
    assert {name: levels[name] for name in ("home", "broker", "docker", "offer", "portal")} == {
        "home": "ok",
        "broker": "ok",
        "docker": "ok",
        "offer": "ok",
        "portal": "fail",
    }
    assert said.returncode == 1

    home.broker_password.chmod(0o644)
    opened = subprocess.run(agent.command("doctor"), capture_output=True, check=False, text=True)
    assert f"chmod go= {home.broker_password}" in opened.stdout


def test_an_order_that_no_trusted_key_signed_is_refused_without_a_receipt(
    agent: AgentProcess, far: AgentFarSide, images: Images
) -> None:
    agent.start()
    stranger = Controller()
    ticket = a_ticket(image=images.demo)

    far.send_order(b"\x00 no order")
    far.send_order(dump(stranger.order(ticket)))

    refused = wait_for(
        "the refusal", lambda: [item for item in far.received() if isinstance(item, JobRefused)], SECONDS
    )
    assert refused == [JobRefused(job_id=ticket.job_id, reason=RefusalReason.BAD_SIGNATURE)]
    assert far.waiting_orders() == 0


def test_a_key_that_others_can_read_stops_the_agent(agent: AgentProcess, home: AgentHome) -> None:
    home.signing_key.chmod(0o640)

    said = subprocess.run(agent.command("run"), capture_output=True, check=False, text=True)

    assert said.returncode == 1
    assert f"chmod go= {home.signing_key}" in said.stderr


def test_the_private_keys_are_in_no_other_file(
    agent: AgentProcess, home: AgentHome, far: AgentFarSide, send: Send, images: Images
) -> None:
    agent.start()
    send(ticket := a_ticket(image=images.demo))
    finished(far, ticket.job_id)

    files = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    files[home.path.parent / "agent.log"] = agent.logs.encode()

    assert {home.journal, home.config, home.broker_password} < files.keys()
    for key in (home.signing_key, home.sealing_key):
        secrets = spellings(files[key])
        assert [path for path, content in files.items() if path != key and any(it in content for it in secrets)] == []
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files if path.parent == home.path} == {0o600}


def spellings(pem: bytes) -> list[bytes]:
    """Return a private key as it could stand in a file: its PEM's text, its DER, its number as bytes and in hex."""
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | X25519PrivateKey)
    if isinstance(key, X25519PrivateKey):
        raw = key.private_bytes_raw()
    else:
        raw = key.private_numbers().private_value.to_bytes(32, "big")
    text = b"".join(pem.splitlines()[1:-1])
    return [pem.splitlines()[1], text, base64.b64decode(text), raw, raw.hex().encode()]

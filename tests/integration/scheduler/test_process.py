"""`manage.py run_scheduler` as it is run: a process of its own, RabbitMQ, a database file."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.files import secret_file
from deploy.servers.ports import free_ports
from tests.support import servers
from tests.support.scheduling.marketplace import REPLIES, FakeProvider
from tests.support.scheduling.rabbit_far_side import RabbitFarSide
from tests.support.waiting import wait_for
from wire import envelope, names, signing
from wire.messages import Accepted, InvocationReply, InvocationRequest, JobOrder, Message, ResultAcknowledged, Ticket

_SECONDS = 60.0
_ROOT = Path(__file__).parents[3]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Template:
    """A directory with keys and a database with one function and one provider, to be copied for each test."""

    directory: Path
    provider: FakeProvider = field(default_factory=FakeProvider)
    version_id: str = ""

    def furnish(self) -> None:
        (self.directory / "keys").mkdir(mode=0o700)
        environment = os.environ | files_of(self.directory)
        for command in (["migrate", "--verbosity=0"], ["make_keys"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=_ROOT, env=environment, check=True)
        spec = self.provider.spec
        ids = [str(self.provider.id), str(spec.owner_id), spec.queue_secret, str(10**9)]
        made = subprocess.run(
            [sys.executable, "-m", "tests.support.scheduling.world", *ids],
            cwd=_ROOT,
            env=environment,
            input=spec.signing_key_pem,
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        )
        self.version_id = json.loads(made.stdout)["version_id"]


@dataclass
class World:
    """One scheduler's surroundings: settings, broker, the provider's agent, and its processes."""

    environment: dict[str, str]
    far: RabbitFarSide
    log: Path
    provider: FakeProvider
    version_id: str
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a scheduler and wait until it leads."""
        environment = self.environment | {"CHAINFAAS_SCHEDULER_HTTP": f"127.0.0.1:{free_ports(1)[0]}"}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run_scheduler"], cwd=_ROOT, env=environment, stderr=log
            )
        self.processes.append(process)
        url = f"http://{environment['CHAINFAAS_SCHEDULER_HTTP']}"
        wait_for("the scheduler to be healthy", lambda: self.is_healthy(url), _SECONDS)
        return process

    def is_healthy(self, url: str) -> bool:
        try:
            return httpx.get(f"{url}/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]

    def say(self, kind: str, message: Message) -> None:
        self.far.publish(self.provider, kind, envelope.dump(message))

    def call(self) -> InvocationRequest:
        request = InvocationRequest(
            invocation_id=str(uuid4()),
            version_id=self.version_id,
            caller_id=None,
            input=b"question",
            input_type="text/plain",
            requested_at_ms=now_ms(),
            deadline_at_ms=now_ms() + 60_000,
            replies_to=REPLIES,
        )
        self.far.publish_request(envelope.dump(request))
        return request

    def ticket(self) -> str:
        """Wait for the next ticket."""
        wait_for("a ticket", lambda: self.far.orders(self.provider), _SECONDS)
        order = self.far.orders(self.provider).pop(0)
        assert isinstance(order, JobOrder)
        return order.ticket

    def answer(self) -> InvocationReply:
        """Wait for the next reply."""
        wait_for("a reply", lambda: self.far.received(REPLIES), _SECONDS)
        reply = self.far.received(REPLIES).pop(0)
        assert isinstance(reply, InvocationReply)
        return reply


def files_of(directory: Path) -> dict[str, str]:
    """Return the settings that name files."""
    return {
        "CHAINFAAS_DATABASE_URL": f"sqlite:///{directory / 'portal.sqlite3'}",
        "CHAINFAAS_KEYS_DIR": str(directory / "keys"),
    }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    template = Template(tmp_path_factory.mktemp("template"))
    template.furnish()
    return template


@pytest.fixture
def world(broker: servers.Broker, template: Template, tmp_path: Path) -> Iterator[World]:
    shutil.copytree(template.directory, tmp_path, dirs_exist_ok=True)
    environment = {
        **os.environ,
        **files_of(tmp_path),
        "CHAINFAAS_BROKER_HOST": broker.host,
        "CHAINFAAS_BROKER_PORT": str(broker.port),
        "CHAINFAAS_BROKER_VHOST": broker.vhost,
        "CHAINFAAS_BROKER_USER": broker.user,
        "CHAINFAAS_BROKER_PASSWORD_FILE": str(secret_file(tmp_path / "broker-password", broker.password)),
    }
    far = RabbitFarSide(broker)
    far.enrol(template.provider)
    far.attach(template.provider)
    far.open_replies()
    world = World(environment, far, tmp_path / "scheduler.log", template.provider, template.version_id)
    yield world
    for process in world.processes:
        process.kill()
        process.wait()
    far.close()


def test_a_job_outlives_the_scheduler_that_placed_it(world: World) -> None:
    first = world.start()
    world.say("heartbeat", world.provider.heartbeat())
    request = world.call()
    ticket = world.ticket()
    job_id = envelope.parse_as(Ticket, signing.payload_of(ticket)).job_id
    world.say("accepted", Accepted(job_id=job_id, accepted_at_ms=now_ms()))
    wait_for("the placed job", lambda: "job.placed" in world.events(), _SECONDS)

    first.kill()
    first.wait()
    world.say("finished", world.provider.finished(ticket))
    world.start()

    reply = world.answer()
    assert (reply.invocation_id, reply.output, reply.reason) == (request.invocation_id, b"answer", None)
    control = names.control_queue(world.provider.spec.queue_secret)
    wait_for("the acknowledgement", lambda: world.far.received(control), _SECONDS)
    (word,) = world.far.received(control)
    assert isinstance(word, ResultAcknowledged)
    assert word.acknowledgement
    assert UUID(hex=job_id.partition("-")[0]) == UUID(request.invocation_id)


def test_the_newest_scheduler_leads_and_the_older_one_ends(world: World) -> None:
    first = world.start()
    second = world.start()

    assert first.wait(_SECONDS) == 3
    assert "scheduler.superseded" in world.events()
    world.say("heartbeat", world.provider.heartbeat())
    world.call()
    world.say("finished", world.provider.finished(world.ticket()))
    assert world.answer().output == b"answer"

    second.send_signal(signal.SIGTERM)
    assert second.wait(_SECONDS) == 0
    assert world.events()[-1] == "scheduler.stopped"


def test_without_its_keys_it_says_what_to_do(world: World) -> None:
    keys = Path(world.environment["CHAINFAAS_KEYS_DIR"])
    (keys / "ticket.pem").unlink()

    ended = subprocess.run(
        [sys.executable, "manage.py", "run_scheduler"],
        cwd=_ROOT,
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "make_keys" in ended.stderr

"""Stand-ins for RabbitMQ and Docker, shipped beside the ports: they pass the same suites as the real ones."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Event as Flag
from typing import Any

from provider_agent.containers.ports import Ended, EngineFacts, EngineFailed, ImageAbsent
from provider_agent.ports import Acknowledge, Event, Inbox


class InMemoryAgentBroker:
    """A broker of one provider: two queues to the agent, and what it said."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_connected = False
        self._inbox: Inbox | None = None
        self._tags = count()
        self._jobs: dict[int, bytes] = {}
        self._control: dict[int, bytes] = {}

    def start(self, inbox: Inbox) -> None:
        """Connect and deliver what waits."""
        self._inbox = inbox
        self.reconnect()

    def publish(self, event: Event) -> None:
        """Note an event, unless disconnected."""
        if self.is_connected:
            self.events.append(event)

    def stop(self) -> None:
        """Disconnect for good."""
        self.is_connected = False
        self._inbox = None

    def send_order(self, body: bytes) -> None:
        """Put something into the jobs queue."""
        self._deliver(self._jobs, next(self._tags), body)

    def send_control(self, body: bytes) -> None:
        """Put something into the control queue."""
        self._deliver(self._control, next(self._tags), body)

    def drop_connection(self) -> None:
        """Lose the connection; what was not acknowledged waits."""
        self.is_connected = False

    def reconnect(self) -> None:
        """Connect (again) and deliver what was not acknowledged."""
        self.is_connected = True
        if self._inbox:
            self._inbox.connected()
        for queue in (self._jobs, self._control):
            for tag, body in list(queue.items()):
                self._deliver(queue, tag, body)

    @property
    def unacknowledged(self) -> int:
        """How many deliveries were not acknowledged."""
        return len(self._jobs) + len(self._control)

    def _deliver(self, queue: dict[int, bytes], tag: int, body: bytes) -> None:
        queue[tag] = body
        if self._inbox is None or not self.is_connected:
            return
        take = self._inbox.job if queue is self._jobs else self._inbox.control
        take(body, self._acknowledge(queue, tag))

    def _acknowledge(self, queue: dict[int, bytes], tag: int) -> Acknowledge:
        def acknowledge() -> None:
            if self.is_connected:
                queue.pop(tag, None)

        return acknowledge


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrote:
    """What a program of an `InMemoryEngine` has written when it ends."""

    output: bytes = b""
    errors: bytes = b""
    exit_code: int = 0
    #: It goes on until this is set, or until it is killed.
    until: Flag | None = None


#: From the standard input to what is written.
Program = Callable[[bytes], Wrote]


@dataclass(kw_only=True)
class _Container:
    spec: Mapping[str, Any]
    program: Program
    near: socket.socket
    far: socket.socket
    killed: Flag = field(default_factory=Flag)
    has_ended: Flag = field(default_factory=Flag)
    exit_code: int = 0
    run_ms: int = 0

    def run(self) -> None:
        """Read the input to its end, then write as Docker Engine frames it; whoever listens may have gone."""
        began = time.monotonic()
        with self.far, suppress(OSError):
            wrote = self.program(b"".join(iter(lambda: self.far.recv(1 << 16), b"")))
            self.exit_code = wrote.exit_code
            for stream, data in ((1, wrote.output), (2, wrote.errors)):
                self.far.sendall(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data)
            while wrote.until and not self.killed.is_set():
                if wrote.until.wait(0.01):
                    break
        if self.killed.is_set():
            self.exit_code = 137
        self.run_ms = int((time.monotonic() - began) * 1000) + 1
        self.has_ended.set()


class InMemoryEngine:
    """A container engine whose images are Python functions; `registry` has those that can be pulled."""

    def __init__(self, registry: Mapping[str, Program]) -> None:
        self.registry = registry
        self.here: set[str] = set()
        self.ready = True
        self._containers: dict[str, _Container] = {}

    def facts(self) -> EngineFacts:
        """Return a small machine."""
        return EngineFacts(version="0", runtimes=(), cpus=1, memory_mb=1024, warnings=())

    def is_ready(self) -> bool:
        """Return what the test says."""
        return self.ready

    def digests(self) -> tuple[str, ...]:
        """Return the digests of what is here."""
        return tuple(sorted(image.rpartition("@")[2] for image in self.here))

    def has(self, image: str) -> bool:
        """Return whether an image is here."""
        return image in self.here

    def volumes(self, image: str) -> frozenset[str]:
        """Return none."""
        self._require(image)
        return frozenset()

    def free_bytes(self) -> int | None:
        """Return that it cannot be seen."""
        return None

    def pull(self, image: str, seconds: float) -> Iterator[Mapping[str, object]]:  # noqa: ARG002 - it takes no time
        """Take an image from the registry."""
        if image not in self.registry:
            raise EngineFailed(f"{image} is not in the registry")
        yield {"id": image}
        self.here.add(image)

    def create(self, container: Mapping[str, Any], *, name: str) -> str:
        """Make a container; its name is its id."""
        image = str(container["Image"])
        self._require(image)
        near, far = socket.socketpair()
        self._containers[name] = _Container(spec=container, program=self.registry[image], near=near, far=far)
        return name

    @contextmanager
    def attached(self, container: str) -> Iterator[socket.socket]:
        """Give one end of a pair of sockets."""
        with self._containers[container].near as near:
            yield near

    def start(self, container: str) -> None:
        """Run the program in a thread."""
        threading.Thread(target=self._containers[container].run, daemon=True).start()

    def wait(self, container: str, *, seconds: float) -> bool:
        """Wait for the program's end."""
        return self._containers[container].has_ended.wait(seconds)

    def kill(self, container: str) -> None:
        """Let an endless program end."""
        self._containers[container].killed.set()

    def ended(self, container: str) -> Ended:
        """Return its exit code, and how long it ran."""
        found = self._containers[container]
        return Ended(exit_code=found.exit_code, is_out_of_memory=False, run_ms=found.run_ms)

    def remove(self, container: str) -> None:
        """Forget a container."""
        found = self._containers.pop(container, None)
        if found:
            found.killed.set()
            found.near.close()
            found.far.close()

    def labelled(self, label: str, value: str) -> list[str]:
        """Return the names of all containers with a label."""
        return [name for name, made in self._containers.items() if made.spec["Labels"].get(label) == value]

    def _require(self, image: str) -> None:
        if image not in self.here:
            raise ImageAbsent(image)

"""What running a container needs of a container engine, whichever it is."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from provider_agent.errors import AgentError


class EngineFailed(AgentError):
    """The container engine does not answer, or cannot do what it was asked."""


class ImageAbsent(EngineFailed):
    """The image is not here."""


class Unstartable(EngineFailed):
    """The image can start nowhere: its developer's matter, no failure of this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFacts:
    """What an engine says of itself."""

    version: str
    runtimes: tuple[str, ...]
    cpus: int
    memory_mb: int
    #: What it cannot do here, as limits on memory.
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a container ended, as the engine saw it."""

    exit_code: int
    is_out_of_memory: bool
    #: Wall time from start to end by the engine's clock, rounded up.
    run_ms: int


class Images(Protocol):
    """The images of an engine.

    :raises EngineFailed: by each call.
    """

    def has(self, image: str) -> bool:
        """Return whether an image is here."""

    def pull(self, image: str, seconds: float) -> Iterator[Mapping[str, object]]:
        """Pull an image and yield the engine's words on it; leaving the iteration ends the pull."""

    def free_bytes(self) -> int | None:
        """Return how much room is left for images; None when that cannot be seen."""


class Engine(Images, Protocol):
    """A container engine on this machine; it names a container by an id of its own, and takes its name as well.

    :raises EngineFailed: by each call but `is_ready`.
    """

    def facts(self) -> EngineFacts:
        """Return what it says of itself."""

    def is_ready(self) -> bool:
        """Return whether it answers now."""

    def digests(self) -> tuple[str, ...]:
        """Return the digests of all images that are here."""

    def volumes(self, image: str) -> frozenset[str]:
        """Return the directories that an image declares as volumes.

        :raises ImageAbsent: when it is not here.
        """

    def create(self, container: Mapping[str, Any], *, name: str) -> str:
        """Make a container as `sandbox.container` says and return its id; it does not run yet.

        :raises ImageAbsent: when its image is not here.
        :raises Unstartable: when its image can start nowhere.
        """

    def attached(self, container: str) -> AbstractContextManager[socket.socket]:
        """Give the socket of a container's streams (streams.py); all that it ever writes arrives when not started yet.

        :raises OSError: when the engine does not attach.
        """

    def start(self, container: str) -> None:
        """Start a container.

        :raises Unstartable: when its image can start nowhere.
        """

    def wait(self, container: str, *, seconds: float) -> bool:
        """Wait for a container's end; False when the engine did not tell of it in time."""

    def kill(self, container: str) -> None:
        """End a container by force; one that has ended by itself is no error."""

    def ended(self, container: str) -> Ended:
        """Return how a container ended, as far as the engine has heard."""

    def remove(self, container: str) -> None:
        """Remove a container, running or not; one that is not there is no error."""

    def labelled(self, label: str, value: str) -> list[str]:
        """Return the ids of all containers with a label, running or not."""

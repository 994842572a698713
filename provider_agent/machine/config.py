"""What an enrolled machine knows: who it is, where the controller is, and what its owner offers."""

import os
import platform
from dataclasses import dataclass

from provider_agent.errors import AgentError
from provider_agent.machine.home import AgentHome
from wire.codec import decode, encode
from wire.errors import Malformed
from wire.limits import BOUNDS, MIB

#: Names of architectures as images use them.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class NotEnrolled(AgentError):
    """This machine is not enrolled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What the machine's owner offers."""

    price_nano_per_ms: int
    #: Jobs at one time.
    slots: int
    #: The most that one job may use; all slots together may use as many times that.
    memory_mb: int
    #: The most that one job may use.
    cpu_millis: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a machine is told when it is enrolled, and keeps as it was told."""

    provider_id: str
    name: str
    certificate_pem: str
    #: The controller's root key, pinned at enrolment.
    root_key_pem: str
    jobs_queue: str
    control_queue: str
    heartbeat_seconds: int
    #: Registries that the administrator allows besides those at public addresses.
    allowed_registries: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Place):
    """The content of `config.json`; no secret is in it."""

    portal_url: str
    #: `amqp://host:port` or `amqps://host:port`.
    broker_url: str
    broker_vhost: str
    broker_user: str
    offer: Offer


def load(home: AgentHome) -> Config:
    """Read the configuration of an enrolled machine.

    :raises NotEnrolled: when there is none.
    :raises AgentError: when it cannot be read.
    """
    try:
        return decode(Config, home.config.read_bytes())
    except FileNotFoundError as error:
        raise NotEnrolled(f"{home.path} is not enrolled: chainfaas-agent enroll <portal-url> <code>") from error
    except (OSError, Malformed) as error:
        raise AgentError(f"{home.config} cannot be read: {error}") from error


def store(home: AgentHome, config: Config, *, broker_password: str) -> None:
    """Write configuration and password; the configuration last, for its presence means enrolled."""
    home.write(home.broker_password, broker_password.encode())
    home.write(home.config, encode(config))


def architecture() -> str:
    """Return this machine's architecture as images name it."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def default_offer() -> Offer:
    """Return an offer that leaves a home PC usable: a slot for each processor, and half of the memory for all."""
    processors = os.cpu_count() or 1
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    return Offer(
        price_nano_per_ms=10,
        slots=processors,
        memory_mb=_within("memory_mb", memory_mb // 2 // processors),
        cpu_millis=_within("cpu_millis", processors * 1000),
    )


def _within(limit: str, value: int) -> int:
    """Return what is nearest to a value and within the marketplace's bounds on a job."""
    low, high = BOUNDS[limit]
    return max(low, min(value, high))

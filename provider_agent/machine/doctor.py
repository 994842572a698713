"""A check-up of this machine: each finding is fine, a warning or a failure, with what to do about it."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from provider_agent.containers.ports import EngineFacts
from provider_agent.containers.registries import listed, may_be_public
from provider_agent.containers.sandbox import GVISOR
from provider_agent.errors import AgentError
from provider_agent.machine import keys
from provider_agent.machine.config import Config
from provider_agent.machine.home import AgentHome
from wire.enrolment import Membership, end_of
from wire.errors import Malformed
from wire.http.portal import PortalFailed
from wire.limits import MIB
from wire.signing import PublicKey

_SKEW_WARN_MS, _SKEW_FAIL_MS = 1_000, 4_000
_DISK_WARN_MB, _DISK_FAIL_MB = 10_240, 1_024
_MILLIS = 1000
_CERTIFICATE_WARN_DAYS = 30


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the check-up."""

    name: str
    level: Level
    text: str


Check = Callable[[], Iterable[Finding]]


def examine(checks: Iterable[tuple[str, Check]]) -> Iterable[Finding]:
    """Make each check; one that cannot be made is a failure with its reason."""
    for name, check in checks:
        try:
            yield from check()
        except (AgentError, Malformed, PortalFailed) as error:
            yield Finding(name=name, level=Level.FAIL, text=str(error))


def check_home(home: AgentHome) -> Iterable[Finding]:
    """Files are there, and private."""
    home.check()
    own = keys.load(home)
    yield _ok("home", f"{home.path} is private, signing key {own.signing.public.key_id}")


def check_disk(path: Path) -> Iterable[Finding]:
    """There is room for images and the journal."""
    free_mb = shutil.disk_usage(path).free // MIB
    text = f"{free_mb} MB free at {path}"
    if free_mb < _DISK_FAIL_MB:
        yield Finding(name="disk", level=Level.FAIL, text=f"{text}: make room, at least {_DISK_FAIL_MB} MB")
    elif free_mb < _DISK_WARN_MB:
        yield Finding(name="disk", level=Level.WARN, text=f"{text}: images may need more")
    else:
        yield _ok("disk", text)


def check_clock(portal_clock_ms: Callable[[], int]) -> Iterable[Finding]:
    """The portal can be reached, and this machine's clock agrees with it: tickets are valid for seconds."""
    before_ms = time.time_ns() // 10**6
    theirs_ms = portal_clock_ms()
    after_ms = time.time_ns() // 10**6
    yield _ok("portal", f"answers over TLS in {after_ms - before_ms} ms")
    # The portal's date is in whole seconds, of some moment between asking and hearing.
    skew_ms = max(before_ms - (theirs_ms + 999), theirs_ms - after_ms, 0)
    text = f"differs from the portal's by {skew_ms} ms or less than a second more"
    if skew_ms > _SKEW_FAIL_MS:
        yield Finding(name="clock", level=Level.FAIL, text=f"{text}: switch on NTP (timedatectl set-ntp true)")
    elif skew_ms > _SKEW_WARN_MS:
        yield Finding(name="clock", level=Level.WARN, text=f"{text}: switch on NTP (timedatectl set-ntp true)")
    else:
        yield _ok("clock", "agrees with the portal's to the second")


def check_broker(log_in: Callable[[], None], config: Config) -> Iterable[Finding]:
    """The broker lets this provider in and has its queues."""
    log_in()
    yield _ok("broker", f"{config.broker_url} lets {config.broker_user} in, both queues are there")
    if config.broker_url.startswith("amqp://"):
        text = "tickets travel without TLS: ask the administrator for amqps unless this is a private network"
        yield Finding(name="broker TLS", level=Level.WARN, text=text)


def check_network(known: Membership | None, now: datetime) -> Iterable[Finding]:
    """This machine's certificate on the Fabric network is in force; where it has none there is nothing to check."""
    if known is None:
        return
    left = (end_of(known.certificate_pem) - now).days
    text = f"{len(known.peers)} peers known, the certificate ends in {left} days"
    if left < 0:
        cure = "claims at the peers are refused: chainfaas-agent renew"
        yield Finding(name="network", level=Level.FAIL, text=f"the certificate has ended, {cure}")
    elif left < _CERTIFICATE_WARN_DAYS:
        text = f"{text}, and was not renewed by itself: chainfaas-agent renew"
        yield Finding(name="network", level=Level.WARN, text=text)
    else:
        yield _ok("network", text)


def check_docker(ask: Callable[[], EngineFacts], config: Config) -> Iterable[Finding]:
    """Docker answers, enforces limits, and this machine has what is offered."""
    facts = ask()
    yield _ok("docker", f"version {facts.version}, runtimes {', '.join(facts.runtimes)}")
    unlimited = [warning for warning in facts.warnings if "limit" in warning.lower() and "swap" not in warning.lower()]
    if unlimited:
        text = f"{'; '.join(unlimited)}: functions could use more than they may; enable the cgroup controllers"
        yield Finding(name="limits", level=Level.FAIL, text=text)
    elif any("swap" in warning.lower() for warning in facts.warnings):
        text = "swap is not limited: boot with swapaccount=1, or switch swap off"
        yield Finding(name="limits", level=Level.WARN, text=text)
    else:
        yield _ok("limits", "memory, swap, processors and processes can be limited")
    if GVISOR not in facts.runtimes:
        yield Finding(
            name="gVisor", level=Level.WARN, text=f"not installed: with {GVISOR} containers are kept in better"
        )
    yield _offer_finding(facts, config)


def check_registries(config: Config) -> Iterable[Finding]:
    """Say where images may come from."""
    private = [name for name in sorted(listed(config.allowed_registries)) if not may_be_public(name)]
    places = "registries at public addresses"
    yield _ok("registries", f"{places} and {', '.join(private)}" if private else f"{places} only")


def check_root_key(config: Config) -> Iterable[Finding]:
    """The controller's root key can be used."""
    yield _ok("root key", f"pinned, {PublicKey.from_pem(config.root_key_pem).key_id}")


def _offer_finding(facts: EngineFacts, config: Config) -> Finding:
    offer = config.offer
    if offer.cpu_millis > facts.cpus * _MILLIS or offer.memory_mb * offer.slots > facts.memory_mb:
        has = f"the machine has {facts.cpus} processors and {facts.memory_mb} MB"
        return Finding(
            name="offer",
            level=Level.FAIL,
            text=f"{offer.slots} slots of {offer.memory_mb} MB and {offer.cpu_millis / _MILLIS} processors: {has}",
        )
    return _ok("offer", f"{offer.slots} slots of {offer.memory_mb} MB, {offer.price_nano_per_ms} nano-credits a ms")


def _ok(name: str, text: str) -> Finding:
    return Finding(name=name, level=Level.OK, text=text)

"""The providers: who is enrolled, what each said last, and which of its slots this scheduler has given away."""

import re
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from uuid import UUID

from scheduler.clocks import SILENCE_MS
from scheduler.placement import Capacity
from scheduler.reliability import Reliability
from scheduler.specs import ProviderSpec
from scheduler.store.ports import SeenProvider
from wire.messages import Heartbeat, MachineReport

#: So many jobs that ended lately are remembered for each provider: a heartbeat that still lists them was sent before.
_ENDED = 64
_MAX_SLOTS = 1_024
_MAX_AMOUNT = 2**31 - 1
#: More jobs than these at one time nobody is believed to run; and each of them needs some memory.
_BELIEVED_SLOTS = 256
_SLOT_MB = 16
_NAME = re.compile(r"[\w.+/-]{0,16}", re.ASCII)


@dataclass(slots=True)
class FleetMember:
    """One enrolled provider."""

    spec: ProviderSpec
    heartbeat: Heartbeat | None = None
    heard_at_ms: int = 0
    #: Jobs that this scheduler placed there and that have not ended.
    jobs: set[str] = field(default_factory=set)
    ended: deque[str] = field(default_factory=lambda: deque(maxlen=_ENDED))
    #: Slots that something else takes, as of the last heartbeat.
    strangers: int = 0
    #: Whether it said since then that it has no slot.
    full: bool = False
    #: Whether the last heartbeat was shown to people.
    shown: bool = True
    #: Since when its agent is not connected to the broker; none while it is.
    gone_since_ms: int | None = None
    #: What this scheduler saw of it.
    reliability: Reliability = field(default_factory=Reliability)

    def free_slots(self, image: str = "") -> int:
        """Return how many more jobs, of an image, it may get."""
        if self.full or self.heartbeat is None:
            return 0
        free = believed_slots(self.heartbeat) - len(self.jobs) - self.strangers
        return min(free, 1 - len(self.jobs)) if self.reliability.on_trial(image) else free


class Fleet:
    """All providers that are not revoked."""

    def __init__(self) -> None:
        self._members: dict[UUID, FleetMember] = {}
        #: Connected providers whose first heartbeat is still to come; until then nobody is told that none fits.
        self.awaited: set[UUID] = set()
        self.awaited_until_ms = 0

    def enrol(self, specs: Iterable[ProviderSpec]) -> None:
        """Take over who is enrolled now; who is no longer gets no more jobs."""
        known = self._members
        self._members = {}
        for spec in specs:
            member = known.get(spec.provider_id) or FleetMember(spec)
            member.spec = spec
            self._members[spec.provider_id] = member
        self.awaited &= self._members.keys()

    def spec(self, provider_id: UUID) -> ProviderSpec | None:
        """Return a provider that is enrolled and not revoked."""
        member = self._members.get(provider_id)
        return member.spec if member else None

    def specs(self) -> list[ProviderSpec]:
        """Return all of them."""
        return [member.spec for member in self._members.values()]

    def expects(self, *, tried: Collection[UUID], now_ms: int) -> bool:
        """Return whether a provider that was not tried may still say what it has free."""
        return now_ms < self.awaited_until_ms and not self.awaited <= set(tried)

    def unheard(self, *, now_ms: int) -> list[ProviderSpec]:
        """Return the providers that are not known to be alive."""
        silent = (member for member in self._members.values() if now_ms - member.heard_at_ms >= SILENCE_MS)
        return [member.spec for member in silent]

    def hear(self, provider_id: UUID, heartbeat: Heartbeat, *, now_ms: int) -> None:
        """Note what a provider says of itself."""
        member = self._members[provider_id]
        ours = [job for job in heartbeat.running if job in member.jobs or job in member.ended]
        member.strangers = max(0, heartbeat.slots - heartbeat.free_slots - len(ours))
        member.heartbeat, member.heard_at_ms, member.shown = heartbeat, now_ms, False
        member.gone_since_ms, member.full = None, False
        self.awaited.discard(provider_id)

    def recall(self, seen: Iterable[SeenProvider]) -> None:
        """Take over what providers said to an earlier scheduler, until they are heard here.

        Their slots are counted by the open jobs; one that had none free gets nothing before it is heard.
        """
        for item in seen:
            if member := self._members.get(item.provider_id):
                member.heartbeat, member.heard_at_ms = (
                    Heartbeat(provider_id=str(item.provider_id), sent_at_ms=item.seen_at_ms, **asdict(item.report)),
                    item.seen_at_ms,
                )
                member.full = not item.report.free_slots

    def take(self, provider_id: UUID, job_id: str) -> None:
        """Give one of the provider's slots to a job."""
        if member := self._members.get(provider_id):
            member.jobs.add(job_id)

    def release(self, provider_id: UUID, job_id: str) -> None:
        """Take the slot back: the job has ended."""
        if (member := self._members.get(provider_id)) and job_id in member.jobs:
            member.jobs.discard(job_id)
            member.ended.append(job_id)

    def full(self, provider_id: UUID) -> None:
        """Note that a provider had no slot after all; its next heartbeat tells more."""
        if member := self._members.get(provider_id):
            member.full = True

    def failed(self, provider_id: UUID, *, now_ms: int, image: str = "") -> None:
        """Count a failure or a lost job against a provider; for one image only, when it may be the image's fault."""
        if member := self._members.get(provider_id):
            member.reliability.fail(now_ms=now_ms, image=image)

    def succeeded(self, provider_id: UUID, image: str) -> None:
        """Note that a provider delivered an accepted result."""
        if member := self._members.get(provider_id):
            member.reliability.succeed(image)

    def resumed(self, *, since_ms: int, now_ms: int) -> bool:
        """Return whether somebody's pause ended after `since_ms`."""
        members = self._members.values()
        return any(member.reliability.resumed(since_ms=since_ms, now_ms=now_ms) for member in members)

    def note_connection(self, provider_id: UUID, *, connected: bool, now_ms: int) -> int:
        """Note whether an agent is connected to the broker; return for how long it has not been."""
        if member := self._members.get(provider_id):
            first = now_ms if member.gone_since_ms is None else member.gone_since_ms
            member.gone_since_ms = None if connected else first
        return self.gone_ms(provider_id, now_ms=now_ms)

    def gone_ms(self, provider_id: UUID, *, now_ms: int) -> int:
        """Return for how long an agent has not been connected; 0 while it is."""
        member = self._members.get(provider_id)
        return 0 if member is None or member.gone_since_ms is None else now_ms - member.gone_since_ms

    def capacities(self, *, now_ms: int, image: str = "") -> list[Capacity]:
        """Return what all providers that were heard lately and are connected offer to a job of an image."""
        return [
            _capacity(member, member.heartbeat, image=image, now_ms=now_ms)
            for member in self._members.values()
            if member.heartbeat and member.gone_since_ms is None and now_ms - member.heard_at_ms < SILENCE_MS
        ]

    def heard(self) -> list[SeenProvider]:
        """Return what providers said since the last time, to be shown to people."""
        seen = []
        for member in self._members.values():
            if member.heartbeat and not member.shown:
                member.shown = True
                report, id_ = MachineReport.of(member.heartbeat), member.spec.provider_id
                seen.append(SeenProvider(provider_id=id_, seen_at_ms=member.heard_at_ms, report=report))
        return seen


def plausible(heartbeat: Heartbeat, provider_id: UUID) -> bool:
    """Return whether a heartbeat speaks for its sender and its numbers can be true."""
    amounts = (heartbeat.cpu_millis, heartbeat.memory_mb, heartbeat.price_nano_per_ms)
    return (
        heartbeat.provider_id == str(provider_id)
        and 0 <= heartbeat.free_slots <= heartbeat.slots <= _MAX_SLOTS
        and all(0 <= amount <= _MAX_AMOUNT for amount in amounts)
        and _NAME.fullmatch(heartbeat.architecture) is not None
        and _NAME.fullmatch(heartbeat.agent_version) is not None
    )


def believed_slots(heartbeat: Heartbeat) -> int:
    """Return how many jobs at one time a provider is believed to run."""
    return min(heartbeat.slots, _BELIEVED_SLOTS, heartbeat.memory_mb // _SLOT_MB)


def _capacity(member: FleetMember, heartbeat: Heartbeat, *, image: str, now_ms: int) -> Capacity:
    return Capacity(
        provider_id=member.spec.provider_id,
        architecture=heartbeat.architecture,
        memory_mb=heartbeat.memory_mb,
        cpu_millis=heartbeat.cpu_millis,
        price_nano_per_ms=heartbeat.price_nano_per_ms,
        slots=believed_slots(heartbeat),
        free_slots=member.free_slots(image),
        draining=heartbeat.draining,
        images=heartbeat.images,
        failures=member.reliability.failures(image, now_ms=now_ms),
        paused=member.reliability.paused(image, now_ms=now_ms),
    )

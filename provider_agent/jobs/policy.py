"""Whether a trusted ticket is taken, and if not, why. Pure: what the agent knows arrives as arguments."""

from collections.abc import Callable
from dataclasses import dataclass

from provider_agent.containers.registries import may_be_public, registry_of
from provider_agent.machine.config import Offer
from wire.errors import OutOfRange
from wire.limits import INLINE_MAX_BYTES, check_environment
from wire.messages import Ticket
from wire.money import cost_of
from wire.outcomes import RefusalReason

_MODES = frozenset({"command"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderTerms:
    """On what terms this provider works; they change only with its configuration."""

    provider_id: str
    offer: Offer
    #: As `host:port`.
    allowed_registries: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What holds at the moment when a ticket arrives."""

    now_ms: int
    newest_term: int
    #: Whether the journal has its job, by another ticket.
    is_repeated: bool
    #: Whether the input that came with it is the one that it names.
    has_its_input: bool
    free_slots: int
    is_draining: bool


def refusal(ticket: Ticket, terms: ProviderTerms, situation: Situation) -> RefusalReason | None:
    """Return why a ticket is not taken; None when it is."""
    for reason, applies in _RULES:
        if applies(ticket, terms, situation):
            return reason
    return None


def _is_unreadable(ticket: Ticket, _: ProviderTerms, __: Situation) -> bool:
    if ticket.mode not in _MODES or registry_of(ticket.image) is None or ticket.max_ms < 1:
        return True
    try:
        ticket.limits.checked()
        check_environment(ticket.environment)
    except OutOfRange:
        return True
    return any(not name or "=" in name or "\0" in name + value for name, value in ticket.environment.items())


def _is_too_large(ticket: Ticket, terms: ProviderTerms, _: Situation) -> bool:
    limits, offer = ticket.limits, terms.offer
    return (
        limits.memory_mb > offer.memory_mb
        or limits.cpu_millis > offer.cpu_millis
        or ticket.input_bytes > min(limits.input_bytes, INLINE_MAX_BYTES)
    )


def _pays_too_little(ticket: Ticket, terms: ProviderTerms, _: Situation) -> bool:
    """Below the price; or less put aside than the longest run costs, or less time paid than allowed."""
    longest = cost_of(run_ms=ticket.max_ms, price_nano_per_ms=ticket.price_nano_per_ms)
    return (
        ticket.price_nano_per_ms < terms.offer.price_nano_per_ms
        or ticket.max_cost_micro < longest
        or ticket.max_ms < ticket.limits.timeout_ms
    )


def _is_from_elsewhere(ticket: Ticket, terms: ProviderTerms, _: Situation) -> bool:
    registry = registry_of(ticket.image) or ""
    return registry not in terms.allowed_registries and not may_be_public(registry)


#: In this order: whether it is meant for this agent at all, whether it can ever be taken, whether now.
_RULES: tuple[tuple[RefusalReason, Callable[[Ticket, ProviderTerms, Situation], bool]], ...] = (
    (RefusalReason.NOT_FOR_ME, lambda ticket, terms, _: ticket.provider_id != terms.provider_id),
    (RefusalReason.OLD_TERM, lambda ticket, _, situation: ticket.term < situation.newest_term),
    (RefusalReason.REPEATED, lambda _, __, situation: situation.is_repeated),
    (RefusalReason.TOO_LATE, lambda ticket, _, situation: ticket.accept_by_ms < situation.now_ms),
    (RefusalReason.MALFORMED, _is_unreadable),
    (RefusalReason.INPUT_ALTERED, lambda _, __, situation: not situation.has_its_input),
    (RefusalReason.TOO_LARGE, _is_too_large),
    (RefusalReason.PRICE_TOO_LOW, _pays_too_little),
    (RefusalReason.REGISTRY_NOT_ALLOWED, _is_from_elsewhere),
    (RefusalReason.DRAINING, lambda _, __, situation: situation.is_draining),
    (RefusalReason.NO_FREE_SLOT, lambda _, __, situation: situation.free_slots < 1),
)

"""From the bytes on the jobs queue to a ticket that can be trusted, by the root key pinned at enrolment."""

import re
from dataclasses import dataclass

from wire import signing
from wire.codec import parse_object
from wire.envelope import parse_as
from wire.errors import BadSignature, Malformed
from wire.messages import JobOrder, Ticket, WorkingKey
from wire.signing import PublicKey

#: Scheduler's job ids; anything else is not used as a name on this machine.
_JOB_ID = re.compile(r"[0-9a-f]{32}-[1-9][0-9]{0,3}")
#: A controller has few working keys at a time.
_KEYS_MAX = 8


@dataclass(frozen=True, slots=True)
class _TrustedKey:
    key: PublicKey
    not_after_ms: int


class TicketVerifier:
    """Trusts the root key, working keys that it signed, and tickets that those signed."""

    def __init__(self, root: PublicKey) -> None:
        self._root = root
        self._keys: dict[str, _TrustedKey] = {}

    def ticket(self, order: JobOrder, *, now_ms: int) -> Ticket:
        """Return the order's ticket.

        :raises BadSignature: when no working key that is valid now signed it.
        :raises Malformed: when what was signed is not a ticket that this agent understands.
        :raises UnknownMessage: when it is another message.
        """
        working = self._working_key(order.working_key)
        if working.not_after_ms <= now_ms:
            raise BadSignature("the working key has expired")
        ticket = parse_as(Ticket, working.key.verify(order.ticket, signing.TICKET))
        if not _JOB_ID.fullmatch(ticket.job_id):
            raise Malformed("Ticket.job_id: expected an invocation's id and the number of the attempt")
        return ticket

    def _working_key(self, jws: str) -> _TrustedKey:
        if jws not in self._keys:
            said = parse_as(WorkingKey, self._root.verify(jws, signing.WORKING_KEY))
            if len(self._keys) >= _KEYS_MAX:
                self._keys.clear()
            self._keys[jws] = _TrustedKey(PublicKey.from_pem(said.public_key_pem), said.not_after_ms)
        return self._keys[jws]


def is_its_input(order: JobOrder, ticket: Ticket) -> bool:
    """Return whether the input of an order is the one that its ticket names: the broker signs nothing."""
    return len(order.input) == ticket.input_bytes and signing.sha256_hex(order.input) == ticket.input_sha256


def claimed_job_id(order: JobOrder) -> str | None:
    """Return the job that an order is said to be for, without trusting it: only to say which one is refused."""
    try:
        claimed = parse_object(signing.payload_of(order.ticket)).get("job_id")
    except (BadSignature, Malformed):
        return None
    return claimed if isinstance(claimed, str) and _JOB_ID.fullmatch(claimed) else None

"""Keeps this machine's certificates in force, and its list of the network's peers true."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from provider_agent.errors import AgentError
from provider_agent.machine import config as configs
from provider_agent.machine import keys
from provider_agent.machine import membership as memberships
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import Portal, RenewalAnswer
from wire import signing
from wire.codec import encode
from wire.enrolment import Membership, RenewalStatement, end_of
from wire.errors import Malformed
from wire.http.portal import PortalFailed, PortalRefused
from wire.signing import SigningKey

log = logging.getLogger(__name__)

#: A certificate of the network that has less time left is renewed.
RENEWED_BEFORE = timedelta(days=60)
_EACH_SECONDS = 24 * 3600.0
_AFTER_FAILURE_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """What this machine has now."""

    #: Of the certificate that the marketplace gave its signing key.
    until: datetime
    #: On the Fabric network; None where the ledger is none.
    membership: Membership | None


def renew(home: AgentHome, portal: Portal, *, now: datetime, anyway: bool = False) -> Renewed:
    """Fetch certificates and the network's peers; a new certificate of the network where one is needed, or `anyway`.

    :raises PortalFailed: when the portal refuses or cannot be reached; what was there stays.
    """
    config, own, known = configs.load(home), keys.load(home).signing, memberships.load(home)
    needed = anyway or known is None or end_of(known.certificate_pem) - now < RENEWED_BEFORE
    said = RenewalStatement(signed_at_ms=int(now.timestamp() * 1000))
    answer = portal.renew(
        statement=own.sign(encode(said), signing.RENEWAL),
        certificate_request=memberships.request(own) if needed else "",
    )
    membership = _membership(answer, known)
    until = _end_of_own(answer.certificate_pem, own)
    if membership is not None:
        _end_of_own(membership.certificate_pem, own)
        if membership != known:
            memberships.store(home, membership)
    if answer.certificate_pem != config.certificate_pem:
        home.write(home.config, encode(replace(config, certificate_pem=answer.certificate_pem)))
    return Renewed(until=until, membership=membership)


def _membership(answer: RenewalAnswer, known: Membership | None) -> Membership | None:
    """Return the membership of an answer; the certificate that is known where it brings none."""
    found = answer.fabric
    if found is None or found.certificate_pem:
        return found or known
    if known is None:
        raise PortalRefused("the portal's answer cannot be used: it brings no certificate for the network")
    return replace(found, certificate_pem=known.certificate_pem)


def _end_of_own(certificate_pem: str, own: SigningKey) -> datetime:
    try:
        end = end_of(certificate_pem)
    except Malformed as error:
        raise PortalRefused(f"the portal's answer cannot be used: {error}") from error
    if x509.load_pem_x509_certificate(certificate_pem.encode()).public_key() != own.public.key:
        raise PortalRefused("the portal's answer cannot be used: its certificate is of another key")
    return end


class RenewalLoop:
    """Renews once a day while the agent runs, and after an hour where that failed."""

    def __init__(self, work: Callable[[], Renewed]) -> None:
        self._work = work
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def start(self) -> None:
        """Begin, with a first renewal at once."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; a request under way is not waited for."""
        self._stopped.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            pause = self._once() * random.uniform(0.8, 1.0)  # noqa: S311 - no secret

    def _once(self) -> float:
        """Renew, and return after how many seconds to do it again."""
        try:
            done = self._work()
        except (AgentError, PortalFailed) as error:
            log.warning("renewal.failed", extra={"reason": str(error)})
            return _AFTER_FAILURE_SECONDS
        peers = len(done.membership.peers) if done.membership else 0
        log.info("renewal.done", extra={"until": done.until.isoformat(), "peers": peers})
        return _EACH_SECONDS


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)

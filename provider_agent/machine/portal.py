"""What a provider's machine asks of the portal: to enrol, to renew its certificates, and to take a claim."""

from dataclasses import dataclass, field

from provider_agent.machine.config import Place
from wire.enrolment import Membership
from wire.http.portal import PortalClient


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAccess:
    """How this provider reaches the broker."""

    url: str
    vhost: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnrolmentAnswer(Place):
    """What a machine learns when it is enrolled."""

    broker: BrokerAccess
    #: None where the ledger is no Fabric network.
    fabric: Membership | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalAnswer:
    """An enrolled machine's certificates."""

    certificate_pem: str
    fabric: Membership | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationAnswer:
    """Where an operation on the ledger stands."""

    operation_id: str
    #: pending, submitted, committed, refused or set_aside.
    state: str
    #: Why it was refused.
    reason: str
    #: Of the job that it is about, as the ledger has it; empty when that is not known.
    job_state: str
    #: Whether it was this very call that brought it about.
    is_new: bool = False


class Portal(PortalClient):
    """One portal, as a machine asks it; what a machine is told is short."""

    answer_max_bytes = 256 * 1024

    def enrol(self, *, code: str, statement: str, certificate_request: str) -> EnrolmentAnswer:
        """Exchange a one-time code and this machine's statement for its place in the marketplace.

        :raises PortalFailed: when the portal refuses or does not answer.
        """
        request = {"code": code, "statement": statement, "certificate_request": certificate_request}
        return self.ask(EnrolmentAnswer, "enrolments", request)

    def renew(self, *, statement: str, certificate_request: str) -> RenewalAnswer:
        """Return this machine's certificates; a new one for the network when a request for it is given.

        :raises PortalFailed: when the portal refuses or does not answer.
        """
        request = {"statement": statement, "certificate_request": certificate_request}
        return self.ask(RenewalAnswer, "renewals", request)

    def submit(self, operation: str) -> OperationAnswer:
        """Send an operation that this machine signed to the ledger; the same again only asks where it stands.

        :raises PortalFailed: when the portal refuses or does not answer.
        """
        return self.ask(OperationAnswer, "ledger/operations", {"operation": operation})

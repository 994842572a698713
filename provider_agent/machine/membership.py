"""This machine's place on the Fabric network: its certificate there, and where the peers are."""

from provider_agent.errors import AgentError
from provider_agent.machine.home import AgentHome
from wire import names
from wire.codec import decode, encode
from wire.enrolment import Membership, certificate_request
from wire.errors import Malformed
from wire.signing import SigningKey


def request(key: SigningKey) -> str:
    """Return the certificate request of this machine, in PEM."""
    return certificate_request(names.fabric_member(key.public.key_id), key)


def load(home: AgentHome) -> Membership | None:
    """Return the membership of a machine; None when it has none.

    :raises AgentError: when it cannot be read.
    """
    try:
        return decode(Membership, home.fabric.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, Malformed) as error:
        raise AgentError(f"{home.fabric} cannot be read ({error}): remove it, then chainfaas-agent renew") from error


def store(home: AgentHome, membership: Membership) -> None:
    """Write a membership."""
    home.write(home.fabric, encode(membership))

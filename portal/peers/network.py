"""What a newcomer has to know of the network: from the portal's own profile of it."""

from dataclasses import dataclass
from pathlib import Path

from fabric_client.errors import BadIdentity
from fabric_client.profile import Profile, RegistrarProfile
from portal.environment import setting
from portal.membership.ports import Registrar
from portal.peers.errors import NoNetwork
from wire.enrolment import KnownPeer
from wire.joining import plain_host


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownNetwork:
    """A network as its members know it, nothing of it secret among them; and who admits newcomers."""

    channel: str
    chaincode: str
    peers: tuple[KnownPeer, ...]
    orderer_roots: dict[str, str]
    registrar: Registrar
    #: What the ledger began with.
    genesis: str
    #: Where the organisations' own nodes answer: peers, and the authority.
    hosts: frozenset[str]


def network_of(registrar: Registrar | None, genesis: str) -> KnownNetwork:
    """Return the network that `CHAINFAAS_FABRIC_PROFILE` describes.

    :raises NoNetwork: when there is none, its profile is not usable, or nobody admits newcomers.
    """
    path = setting("CHAINFAAS_FABRIC_PROFILE")
    if not path or registrar is None:
        raise NoNetwork
    try:
        profile = Profile.read(Path(path))
        authority = RegistrarProfile.read(Path(setting("CHAINFAAS_FABRIC_REGISTRAR")))
        peers = tuple(
            KnownPeer(address=place.address, tls_root_pem=Path(place.tls_root).read_text()) for place in profile.peers
        )
        roots = {name: Path(root).read_text() for name, root in profile.orderers.items()}
    except (BadIdentity, OSError) as error:
        raise NoNetwork(f"The network's profile is not usable: {error}") from error
    return KnownNetwork(
        channel=profile.channel,
        chaincode=profile.chaincode,
        peers=peers,
        orderer_roots=roots,
        registrar=registrar,
        genesis=genesis,
        hosts=frozenset(_host(address) for address in (authority.address, *(place.address for place in profile.peers))),
    )


def _host(address: str) -> str:
    return plain_host(address.rpartition(":")[0].strip("[]"))

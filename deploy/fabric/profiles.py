"""Connection profiles for the network's clients, one for each identity."""

from pathlib import Path

from deploy import files
from deploy.fabric.network import Network, NodeRole, Places, msp_id
from fabric_client.profile import PeerPlace, Profile, RegistrarProfile
from wire.codec import encode
from wire.ledger.names import CHAINCODE


def profile(places: Places, network: Network, organisation: str, user: str) -> Profile:
    """Return how a person or program of an organisation reaches the network: its own peers first."""
    own = network.of(NodeRole.PEER, organisation)
    others = tuple(peer for peer in network.of(NodeRole.PEER) if peer not in own)
    return Profile(
        channel=network.channel,
        chaincode=CHAINCODE,
        msp_id=msp_id(organisation),
        identity=str(places.user(organisation, user).resolve()),
        peers=tuple(
            PeerPlace(
                address=network.address(peer),
                tls_root=str(places.ca_root(peer.organisation).resolve()),
                endorses_for=msp_id(peer.organisation),
            )
            for peer in own + others
        ),
        orderers={msp_id(name): str(places.ca_root(name).resolve()) for name in network.ordering_organisations},
    )


def profile_file(places: Places, organisation: str, user: str) -> Path:
    """Return where a user's profile lies."""
    return places.root / "profiles" / f"{organisation}-{user}.json"


def write_profiles(places: Places, network: Network) -> None:
    """Write the profile of each user and of each organisation's registrar."""
    for organisation, users in network.users.items():
        for user in users:
            content = encode(profile(places, network, organisation, user))
            files.write(profile_file(places, organisation, user), content)
        content = encode(registrar_profile(places, network, organisation))
        files.write(profile_file(places, organisation, "registrar"), content)


def registrar_profile(places: Places, network: Network, organisation: str) -> RegistrarProfile:
    """Return how the portal reaches an organisation's CA to admit participants."""
    (authority,) = network.of(NodeRole.CA, organisation)
    return RegistrarProfile(
        msp_id=msp_id(organisation),
        address=network.address(authority),
        tls_root=str(places.ca_root(organisation).resolve()),
        identity=str(places.registrar(organisation).resolve()),
        secret=str(places.registrar_secret(organisation).resolve()),
    )

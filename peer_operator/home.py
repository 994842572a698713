"""The operator's directory: keys that never leave it, what the portal answered, and the peer's files made of both."""

from dataclasses import dataclass
from pathlib import Path

from deploy import files
from deploy.errors import DeployError
from deploy.fabric import network
from deploy.fabric.identities import msp
from deploy.fabric.identities.enrolment import ADMINISTRATOR
from deploy.fabric.network import Network, Node, NodeRole, Places
from fabric_client.identity import Identity
from fabric_client.peers import PeerEndpoint, PeerRing
from fabric_client.profile import PeerPlace, Profile
from wire.codec import decode, encode
from wire.errors import WireError
from wire.joining import JoinKit
from wire.signing import SigningKey

_MSP_SUFFIX = "MSP"
_STANDING = "attesting.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorKeys:
    """The machine's three keys; the operator's is the one to keep a copy of."""

    operator: SigningKey
    peer: SigningKey
    tls: SigningKey


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorHome:
    """One peer's directory."""

    root: Path

    @property
    def places(self) -> Places:
        """Where the peer's files lie: as in a network of one organisation."""
        return Places(root=self.root)

    @property
    def profile_file(self) -> Path:
        """How programs reach the network through this peer."""
        return self.root / "profiles" / "operator.json"

    def note(self, standing: str) -> None:
        """Keep where attesting stands, for people."""
        files.write(self.root / _STANDING, standing.encode())

    def standing(self) -> str:
        """Return where attesting stands."""
        path = self.root / _STANDING
        return path.read_text() if path.exists() else "has not begun"

    def keys(self) -> OperatorKeys:
        """Return the keys; those that are missing are made."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return OperatorKeys(operator=self._key("operator"), peer=self._key("peer"), tls=self._key("tls"))

    def kit(self) -> JoinKit | None:
        """Return what the portal answered; None before it did.

        :raises DeployError: when the file is damaged.
        """
        path = self.root / "kit.json"
        try:
            return decode(JoinKit, path.read_bytes())
        except FileNotFoundError:
            return None
        except WireError as error:
            raise DeployError(f"{path}: {error}; join again with a new code") from error

    def keep(self, kit: JoinKit) -> None:
        """Keep what the portal answered, and write what the peer and its programs read."""
        keys, root = self.keys(), kit.root_pem.encode()
        operator, peer = kit.operator_certificate_pem.encode(), kit.peer_certificate_pem.encode()
        organisation = organisation_of(kit)
        files.write(self.places.ca_root(organisation), root)
        msp.write_member(self.places.user(organisation, ADMINISTRATOR), root, operator, keys.operator)
        node = self.root / "nodes" / NodeRole.PEER
        # On its own machine the operator is who installs chaincode and lets the peer join.
        msp.write_member(node / "msp", root, peer, keys.peer, administrator=operator)
        msp.write_tls(node / "tls", root, kit.tls_certificate_pem.encode(), keys.tls)
        msp.write_tls(
            self.root / "nodes" / NodeRole.CHAINCODE / "tls", root, kit.tls_certificate_pem.encode(), keys.tls
        )
        for name, pem in kit.orderer_roots.items():
            files.write(self._orderers(name), pem.encode())
        files.write(self.places.genesis, kit.genesis.encode())
        files.write(self.root / "kit.json", encode(kit))

    def plan(self, kit: JoinKit, host: str, ports: list[int]) -> Network:
        """Write and return the description of this peer and its chaincode server; ports are kept from then on."""
        organisation, taken = organisation_of(kit), iter(ports)
        nodes = tuple(
            Node.planned(role.value, role, organisation, taken) for role in (NodeRole.PEER, NodeRole.CHAINCODE)
        )
        planned = Network(
            channel=kit.channel,
            host=host,
            max_transactions=0,
            timeout="",
            users={organisation: (ADMINISTRATOR,)},
            nodes=nodes,
        )
        network.save(self.places, planned)
        return planned

    def write_profile(self, kit: JoinKit, made: Network) -> None:
        """Write how programs of the operator reach the network: through its own peer."""
        organisation = organisation_of(kit)
        (peer,) = made.of(NodeRole.PEER)
        own = PeerPlace(address=made.address(peer), tls_root=str(self.places.ca_root(organisation).resolve()))
        written = Profile(
            channel=kit.channel,
            chaincode=kit.chaincode,
            msp_id=kit.msp_id,
            identity=str(self.places.user(organisation, ADMINISTRATOR).resolve()),
            peers=(own,),
            orderers={name: str(self._orderers(name).resolve()) for name in kit.orderer_roots},
        )
        files.write(self.profile_file, encode(written))

    def others(self, kit: JoinKit) -> PeerRing:
        """Return the peers that were there before, for the operator."""
        identity = Identity.read(kit.msp_id, self.places.user(organisation_of(kit), ADMINISTRATOR))
        endpoints = [PeerEndpoint(address=known.address, tls_root=known.tls_root_pem.encode()) for known in kit.peers]
        return PeerRing(endpoints, identity)

    def _key(self, name: str) -> SigningKey:
        path = self.root / f"{name}.pem"
        if not path.exists():
            files.write(path, SigningKey.generate().to_pem(), secret=True)
        return SigningKey.from_pem(path.read_bytes())

    def _orderers(self, name: str) -> Path:
        return self.root / "known" / f"orderers-{name}.pem"


def organisation_of(kit: JoinKit) -> str:
    """Return the name of the organisation that the operator belongs to."""
    return kit.msp_id.removesuffix(_MSP_SUFFIX).lower()

"""Everybody's certificates, from the CA of their organisation; whoever has one keeps it."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from deploy import files
from deploy.fabric.identities import msp
from deploy.fabric.identities.authority import PARTICIPANTS, READERS, REGISTRAR, password, publish_root
from deploy.fabric.identities.expiry import end_of
from deploy.fabric.network import Network, Node, NodeRole, Places, msp_id
from fabric_client.authority import AuthorityClient, Registration
from fabric_client.identity import Identity
from wire.enrolment import certificate_request
from wire.signing import SigningKey

#: Installs chaincode and changes the channel for its organisation.
ADMINISTRATOR = "administrator"
#: The portal's own registrar: it may register and revoke participants, and gives nobody what it has not itself.
#: No peers: with a certificate of that type one endorses in the organisation's name.
_PORTAL = "portal"
_PORTAL_RIGHTS = {"hf.Registrar.Roles": "client", "hf.Revoker": "true"}


class CaEnrolment:
    """One organisation's CA, used as its registrar."""

    def __init__(self, places: Places, network: Network, organisation: str, *, until: datetime | None = None) -> None:
        """`until`: certificates that end before that are replaced, for the same keys."""
        (node,) = network.of(NodeRole.CA, organisation)
        self._until = until
        root = publish_root(places, node)
        self._places = places
        self._network = network
        self._organisation = organisation
        self._root = root.read_bytes()
        self._secret = password(places, node)
        self._client = AuthorityClient(network.address(node), root)
        directory = places.node(node) / REGISTRAR
        self._enrolled(directory, REGISTRAR)
        self._registrar = Identity.read(msp_id(organisation), directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def everybody(self, users: Iterable[str]) -> None:
        """Give all nodes of the organisation and its users their certificates, and the channel the root of its CA."""
        msp.write_organisation(self._places.organisation(self._organisation) / "msp", self._root)
        for node in self._network.nodes:
            if node.organisation == self._organisation and node.role is not NodeRole.CA:
                self.node(node)
        for user in users:
            self.user(user)
        self._participants_registrar()

    def node(self, node: Node) -> None:
        """Give a peer or orderer its identity, and every server its TLS certificate."""
        directory = self._places.node(node)
        if node.role in (NodeRole.PEER, NodeRole.ORDERER):
            self._member(directory / "msp", node.name, node.role.value)
        tls = directory / "tls"
        if not tls.exists():
            self._register(f"tls.{node.name}", "client")
            key = SigningKey.generate()
            msp.write_tls(tls, self._root, self._server_certificate(node, key), key)
        elif self._ends(tls / "cert.pem"):
            key = SigningKey.from_pem((tls / "key.pem").read_bytes())
            files.write(tls / "cert.pem", self._server_certificate(node, key))

    def user(self, name: str) -> Path:
        """Give a person or program an identity and return its directory; the administrator is one."""
        kind = "admin" if name == ADMINISTRATOR else "client"
        directory = self._places.user(self._organisation, name)
        self._member(directory, name, kind)
        return directory

    def revoke(self, name: str) -> None:
        """Revoke all certificates of a name."""
        self._client.revoke(self._registrar, name)

    def revocation_list(self) -> bytes:
        """Return the list of all certificates that are revoked, in PEM."""
        return self._client.revocation_list(self._registrar)

    def _participants_registrar(self) -> None:
        """Give the portal an identity that registers participants, and a secret for their passwords."""
        secret = self._places.registrar_secret(self._organisation)
        if not secret.exists():
            files.write(secret, secrets.token_hex(32).encode(), secret=True)
        self._register(_PORTAL, "client", affiliation=PARTICIPANTS, attributes=_PORTAL_RIGHTS)
        self._enrolled(self._places.registrar(self._organisation), _PORTAL)

    def _member(self, directory: Path, name: str, kind: str) -> None:
        if not directory.exists():
            self._register(name, kind, affiliation=READERS)
        self._enrolled(directory, name)

    def _enrolled(self, directory: Path, name: str) -> None:
        if not directory.exists():
            key = SigningKey.generate()
            msp.write_member(directory, self._root, self._certificate(name, key), key)
        elif self._ends(directory / "signcerts" / "cert.pem"):
            key = SigningKey.from_pem((directory / "keystore" / "key.pem").read_bytes())
            files.write(directory / "signcerts" / "cert.pem", self._certificate(name, key))

    def _server_certificate(self, node: Node, key: SigningKey) -> bytes:
        hosts = tuple(sorted({node.name, "localhost", "127.0.0.1", self._network.host}))
        return self._certificate(f"tls.{node.name}", key, hosts=hosts, profile="tls")

    def _certificate(self, name: str, key: SigningKey, **of_server: Any) -> bytes:
        return self._client.enrol(name, self._password(name), certificate_request(name, key), **of_server)

    def _ends(self, certificate: Path) -> bool:
        return self._until is not None and end_of(certificate) < self._until

    def _register(self, name: str, kind: str, **more: Any) -> None:
        wanted = Registration(name=name, kind=kind, password=self._password(name), **more)
        self._client.register(self._registrar, wanted)

    def _password(self, name: str) -> str:
        """Return a name's password: the same each time, so that a run that was cut short can be repeated."""
        if name == REGISTRAR:
            return self._secret
        return hmac.new(self._secret.encode(), name.encode(), hashlib.sha256).hexdigest()

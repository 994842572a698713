"""Everybody's certificates, from the CA of their organisation; whoever has one keeps it."""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from deploy.fabric.identities import msp
from deploy.fabric.identities.authority import REGISTRAR, password, publish_root
from deploy.fabric.identities.client import AuthorityClient
from deploy.fabric.network import Network, Node, Places, Role, msp_id
from fabric_client.identity import Identity
from wire.signing import SigningKey

#: Installs chaincode and changes the channel for its organisation.
ADMINISTRATOR = "administrator"
_REGISTRAR_DIRECTORY = "registrar"


class Enrolment:
    """One organisation's CA, used as its registrar."""

    def __init__(self, places: Places, network: Network, organisation: str) -> None:
        (node,) = network.of(Role.CA, organisation)
        root = publish_root(places, node)
        self._places = places
        self._network = network
        self._organisation = organisation
        self._root = root.read_bytes()
        self._secret = password(places, node)
        self._client = AuthorityClient(network.address(node), root)
        self._registrar = self._enrolled_registrar(places.node(node) / _REGISTRAR_DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def everybody(self, users: Iterable[str]) -> None:
        """Give all nodes of the organisation and its users their certificates, and the channel the root of its CA."""
        msp.write_organisation(self._places.organisation(self._organisation) / "msp", self._root)
        for node in self._network.nodes:
            if node.organisation == self._organisation and node.role is not Role.CA:
                self.node(node)
        for user in users:
            self.user(user)

    def node(self, node: Node) -> None:
        """Give a peer or orderer its identity, and every server its TLS certificate."""
        directory = self._places.node(node)
        if node.role in (Role.PEER, Role.ORDERER):
            self._member(directory / "msp", node.name, node.role.value)
        if not (directory / "tls").exists():
            key = SigningKey.generate()
            name = f"tls.{node.name}"
            self._register(name, "client")
            hosts = tuple(sorted({node.name, "localhost", "127.0.0.1", self._network.host}))
            certificate = self._client.enrol(name, self._password(name), key, hosts=hosts, profile="tls")
            msp.write_tls(directory / "tls", self._root, certificate, key)

    def user(self, name: str) -> Path:
        """Give a person or program an identity and return its directory; the administrator is one."""
        kind = "admin" if name == ADMINISTRATOR else "client"
        directory = self._places.user(self._organisation, name)
        self._member(directory, name, kind)
        return directory

    def revoke(self, name: str) -> bytes:
        """Revoke all certificates of a name and return the new revocation list in PEM."""
        return self._client.revoke(self._registrar, name)

    def _member(self, directory: Path, name: str, kind: str) -> None:
        if directory.exists():
            return
        key = SigningKey.generate()
        self._register(name, kind)
        certificate = self._client.enrol(name, self._password(name), key)
        msp.write_member(directory, self._root, certificate, key)

    def _register(self, name: str, kind: str) -> None:
        self._client.register(self._registrar, name, kind, self._password(name))

    def _password(self, name: str) -> str:
        """Return a name's password: the same each time, so that a run that was cut short can be repeated."""
        return hmac.new(self._secret.encode(), name.encode(), hashlib.sha256).hexdigest()

    def _enrolled_registrar(self, directory: Path) -> Identity:
        if not directory.exists():
            key = SigningKey.generate()
            certificate = self._client.enrol(REGISTRAR, self._secret, key)
            msp.write_member(directory, self._root, certificate, key)
        return Identity.read(msp_id(self._organisation), directory)

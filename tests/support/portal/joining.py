"""A machine that joins as a peer, and the network that it joins, without either."""

from dataclasses import dataclass, field, replace
from typing import Any

from portal.membership.testing import InMemoryRegistrar
from portal.peers.network import KnownNetwork
from wire.codec import encode
from wire.enrolment import KnownPeer, certificate_request, code_digest
from wire.joining import JoinStatement, names_of
from wire.signing import JOINING, SigningKey

GENESIS = "{}"


@dataclass(kw_only=True)
class JoiningMachine:
    """Three keys, and what they sign."""

    operator: SigningKey = field(default_factory=SigningKey.generate)
    peer: SigningKey = field(default_factory=SigningKey.generate)
    tls: SigningKey = field(default_factory=SigningKey.generate)

    def said(self, code: str) -> JoinStatement:
        """Return what the machine says."""
        names = names_of(self.operator.public.key_id, self.peer.public.key_id)
        return JoinStatement(
            code_digest=code_digest(code),
            public_key_pem=self.operator.public.pem,
            host="peer.example",
            operator_request=certificate_request(names.operator, self.operator),
            peer_request=certificate_request(names.peer, self.peer),
            tls_request=certificate_request(names.peer, self.tls),
        )

    def statement(self, code: str, *, signer: SigningKey | None = None, **changes: Any) -> str:
        """Return the signed statement, with something changed."""
        return (signer or self.operator).sign(encode(replace(self.said(code), **changes)), JOINING)


def known_network(registrar: InMemoryRegistrar) -> KnownNetwork:
    """Return a network with one peer."""
    return KnownNetwork(
        channel="chainfaas",
        chaincode="market",
        peers=(KnownPeer(address="peer0.example:7051", tls_root_pem="root"),),
        orderer_roots={"ControllerMSP": "root"},
        registrar=registrar,
        genesis=GENESIS,
        hosts=frozenset({"peer0.example", "10.0.0.5"}),
    )

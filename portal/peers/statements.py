"""Reads what a machine sends to join as a peer, and verifies that the operator's key signed it."""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from portal.membership.ports import Kind, Member
from portal.membership.requests import checked
from portal.peers.errors import JoinStatementInvalid
from wire import signing
from wire.codec import decode
from wire.enrolment import code_digest
from wire.errors import WireError
from wire.joining import JoinStatement, names_of
from wire.signing import PublicKey

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinApplication:
    """A verified statement: its sender holds the code and the operator's key."""

    key: PublicKey
    operator: Member
    peer: Member
    #: What was said, the key and the code's digest included.
    said: JoinStatement


def read_join_application(code: str, statement: str) -> JoinApplication:
    """Verify a statement and return what it says.

    :raises JoinStatementInvalid: when it is not signed by the key it names, is for another code, or a value is wrong.
    :raises RequestInvalid: when a certificate request asks for more than it may.
    """
    try:
        # The signature is verified by the key inside: it proves that the sender holds that key, which is its purpose.
        claimed = decode(JoinStatement, signing.payload_of(statement))
        key = PublicKey.from_pem(claimed.public_key_pem)
        said = decode(JoinStatement, key.verify(statement, signing.JOINING))
    except WireError as error:
        raise _invalid(str(error)) from error
    if said.code_digest != code_digest(code):
        raise _invalid("It was signed for another code.")
    if not _HOST.fullmatch(said.host):
        raise _invalid("host: expected a host name or address")
    names = names_of(key.key_id, _key_id(said.peer_request))
    operator, peer = Member(kind=Kind.OPERATOR, name=names.operator), Member(kind=Kind.NODE, name=names.peer)
    for member, request in ((operator, said.operator_request), (peer, said.peer_request), (peer, said.tls_request)):
        checked(member, request)
    if _key_id(said.operator_request) != key.key_id:
        raise _invalid("operator_request: expected a request by the key that signs the statement")
    return JoinApplication(key=key, operator=operator, peer=peer, said=said)


def _key_id(request_pem: str) -> str:
    try:
        key = x509.load_pem_x509_csr(request_pem.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _invalid("expected certificate requests (PKCS 10) in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _invalid("expected P-256 keys in the certificate requests")
    return PublicKey(key).key_id


def _invalid(what: str) -> JoinStatementInvalid:
    return JoinStatementInvalid(fields={"statement": [what]})

"""What a machine signs to become a provider, stay one and ask for its own; and how it reaches a network."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from wire.errors import Malformed
from wire.signing import SigningKey, sha256_hex


@dataclass(frozen=True, kw_only=True, slots=True)
class EnrolmentStatement:
    """The payload of a JWS of type `signing.ENROLMENT`, signed by the key that it names."""

    #: `code_digest` of the one-time code.
    code_digest: str
    #: The key that signs receipts from now on.
    public_key_pem: str
    #: X25519, hexadecimal: secrets for this provider are sealed to it.
    sealing_key: str
    #: As Docker names it: amd64, arm64.
    architecture: str
    agent_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalStatement:
    """The payload of a JWS of type `signing.RENEWAL`, by an enrolled machine's signing key."""

    signed_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQuery:
    """The payload of a JWS of type `signing.QUERY`: a provider asks the ledger for a job of its own."""

    job_id: str
    #: The time of the proposal that brings it: nobody else can bring it later.
    asked_at_ms: int


def code_digest(code: str) -> str:
    """Return how a one-time code is stored and named: people may type it in lower case and without hyphens."""
    return sha256_hex(code.strip().upper().replace("-", "").encode())


def certificate_request(name: str, key: SigningKey) -> str:
    """Return a certificate request (PKCS 10) in PEM: the key signs that it wants to be called by a name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key.key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def end_of(certificate_pem: str) -> datetime:
    """Return when a certificate ends.

    :raises Malformed: when it is none.
    """
    try:
        return x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc
    except ValueError as error:
        raise Malformed("certificate: expected PEM") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownPeer:
    """A peer that may be asked, and how its TLS certificate is trusted."""

    #: `host:port`.
    address: str
    #: Root of its organisation's CA.
    tls_root_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """How a provider's machine reaches the network. No secret is in it: the key is the machine's signing key."""

    msp_id: str
    #: Empty in an answer when none was asked for: the machine has one.
    certificate_pem: str
    channel: str
    chaincode: str
    #: Of every organisation.
    peers: tuple[KnownPeer, ...]

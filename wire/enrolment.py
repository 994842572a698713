"""What a machine sends to become a provider: a one-time code, and a statement signed by the key that it will use."""

from dataclasses import dataclass

from wire.signing import sha256_hex


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


def code_digest(code: str) -> str:
    """Return how a one-time code is stored and named: people may type it in lower case and without hyphens."""
    return sha256_hex(code.strip().upper().replace("-", "").encode())

"""The machine's two keys: one signs receipts, to the other secrets are sealed. They never leave the home directory."""

from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from provider_agent.errors import AgentError
from provider_agent.machine.home import AgentHome
from wire.errors import Malformed
from wire.signing import SigningKey


class MachineKeyUnusable(AgentError):
    """A key file is missing or damaged."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """An X25519 key: who holds it can open what was sealed to its public half."""

    key: X25519PrivateKey

    def __repr__(self) -> str:
        """Return the public half, so that a log never shows the key."""
        return f"SealingKey({self.public_hex})"

    @property
    def public_hex(self) -> str:
        """The public half in hexadecimal, as it is sent."""
        return self.key.public_key().public_bytes_raw().hex()

    def to_pem(self) -> bytes:
        """Return the key in PEM (PKCS 8), for a file of mode 0600."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @classmethod
    def from_pem(cls, pem: bytes) -> "SealingKey":
        """Read a sealing key.

        :raises Malformed: when it is not an unencrypted X25519 key.
        """
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError) as error:
            raise Malformed("sealing key: expected unencrypted PEM") from error
        if not isinstance(key, X25519PrivateKey):
            raise Malformed("sealing key: expected X25519")
        return cls(key)


@dataclass(frozen=True, slots=True)
class AgentKeys:
    """Both keys of a machine."""

    signing: SigningKey
    sealing: SealingKey


def load(home: AgentHome) -> AgentKeys:
    """Read the machine's keys.

    :raises MachineKeyUnusable: when one is missing or damaged.
    """
    try:
        return AgentKeys(
            SigningKey.from_pem(home.signing_key.read_bytes()), SealingKey.from_pem(home.sealing_key.read_bytes())
        )
    except (OSError, Malformed) as error:
        raise MachineKeyUnusable(
            f"the keys in {home.path} cannot be read ({error}): enrol with another --home"
        ) from error


def load_or_create(home: AgentHome) -> AgentKeys:
    """Read the machine's keys, or make those that are absent: a repeated enrolment uses the same ones.

    :raises MachineKeyUnusable: when one is damaged.
    """
    if not home.signing_key.exists():
        home.write(home.signing_key, SigningKey.generate().to_pem())
    if not home.sealing_key.exists():
        home.write(home.sealing_key, SealingKey(X25519PrivateKey.generate()).to_pem())
    return load(home)

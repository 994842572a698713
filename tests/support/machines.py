"""Machines that enrol: their keys, and the statement that they sign."""

from dataclasses import dataclass, field
from typing import Any

from provider_agent import __version__
from wire import signing
from wire.codec import canonical_json
from wire.enrolment import code_digest
from wire.signing import SigningKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A home PC before it is a provider."""

    key: SigningKey = field(default_factory=SigningKey.generate)
    sealing_key: str = "ab" * 32

    def statement(self, code: str, **changes: Any) -> str:
        """Return the signed statement for a code, with some of it changed."""
        said = {
            "code_digest": code_digest(code),
            "public_key_pem": self.key.public.pem,
            "sealing_key": self.sealing_key,
            "architecture": "amd64",
            "agent_version": __version__,
        }
        return self.key.sign(canonical_json(said | changes), signing.ENROLMENT)

"""What a proposal says about its transaction: its time and who proposes it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2

#: Units of certificates whose holders may read all of the ledger: nodes, administrators, and who a CA lets read.
_READERS = frozenset({"readers", "peer", "orderer", "admin"})
_KNOWN_CERTIFICATES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposer:
    """Who proposes a transaction, and when; the peer has verified both."""

    timestamp_ms: int
    msp_id: str
    #: In PEM.
    certificate: bytes

    @property
    def is_reader(self) -> bool:
        """Whether it may read all of the ledger; a provider reads its own."""
        return not _READERS.isdisjoint(_units(self.certificate))


@lru_cache(_KNOWN_CERTIFICATES)
def _units(certificate: bytes) -> frozenset[str]:
    """Return the organisational units in a certificate; only the CA decides on them."""
    try:
        subject = x509.load_pem_x509_certificate(certificate).subject
    except ValueError:
        return frozenset()
    return frozenset(str(item.value) for item in subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME))


def proposer_of(signed: Any) -> Proposer:
    """Read a signed proposal."""
    proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    channel = common_pb2.ChannelHeader.FromString(header.channel_header)
    creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
    identity = identities_pb2.SerializedIdentity.FromString(creator)
    return Proposer(
        timestamp_ms=channel.timestamp.ToMilliseconds(), msp_id=identity.mspid, certificate=identity.id_bytes
    )

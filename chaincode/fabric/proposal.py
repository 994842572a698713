"""What a proposal says about its transaction: its time and who proposes it."""

from dataclasses import dataclass
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposer:
    """Who proposes a transaction, and when; the peer has verified both."""

    timestamp_ms: int
    msp_id: str


def proposer_of(signed: Any) -> Proposer:
    """Read a signed proposal."""
    proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    channel = common_pb2.ChannelHeader.FromString(header.channel_header)
    creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
    identity = identities_pb2.SerializedIdentity.FromString(creator)
    return Proposer(timestamp_ms=channel.timestamp.ToMilliseconds(), msp_id=identity.mspid)

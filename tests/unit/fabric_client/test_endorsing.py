"""Endorsements of all organisations at once, from peers that fail, lie or are behind; the Gateway is the way out."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from deploy.servers.tls import server_tls
from fabric_client import committing
from fabric_client.blocks import chaincode_transaction
from fabric_client.committing import commit
from fabric_client.endorsing import endorse
from fabric_client.errors import (
    AlreadyKnown,
    ChaincodeRefused,
    CommitConflict,
    CommitRefused,
    EndorseFailed,
    EndorsementsDiffer,
    FabricError,
    NotPermitted,
    PeerUnavailable,
)
from fabric_client.peers import PeerEndpoint, PeerRing
from fabric_client.proposals import ChaincodeCall, SignedProposal, propose
from fabric_client.respite import FIRST_SECONDS, Respite
from tests.support.fabric.certificates import self_certified
from tests.support.fabric.fake_node import BY_GATEWAY, FakeNode, Refusal, failed, serving

_NAMES = ("ControllerMSP", "ControllerMSP", "PeersMSP", "PeersMSP")


@dataclass
class FakeNetwork:
    """Two peers of each of two organisations; the first one's Gateway is asked."""

    nodes: list[FakeNode]
    endpoints: list[PeerEndpoint] = field(default_factory=list)
    servers: list[grpc.Server] = field(default_factory=list)

    @property
    def asked(self) -> list[int]:
        return [node.asked for node in self.nodes]

    @property
    def gateway_asked(self) -> int:
        return sum(node.gateway_asked for node in self.nodes)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[FakeNetwork]:
    tls = server_tls(tmp_path)
    made = FakeNetwork([FakeNode(self_certified(name)) for name in _NAMES])
    with ExitStack() as stack:
        for node, name in zip(made.nodes, _NAMES, strict=True):
            endpoint, server = stack.enter_context(serving(node, tls, endorses_for=name))
            made.endpoints.append(endpoint)
            made.servers.append(server)
        yield made


@pytest.fixture
def peers(network: FakeNetwork) -> Iterator[PeerRing]:
    opened = PeerRing(network.endpoints, self_certified("ControllerMSP"))
    yield opened
    opened.close()


@pytest.fixture
def proposal(peers: PeerRing) -> SignedProposal:
    return propose(
        peers.identity, ChaincodeCall(channel="channel", chaincode="market", function="f", arguments=(b"a",))
    )


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "_BEHIND_SECONDS", (0, 0))


def test_both_organisations_are_asked_at_the_same_time(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    together = threading.Barrier(2)
    for node in network.nodes:
        node.meanwhile = partial(together.wait, 30)

    prepared = commit(peers, proposal)

    assert network.asked == [1, 0, 1, 0]
    assert network.gateway_asked == 0
    assert network.nodes[0].submitted == [prepared]


def test_the_transaction_has_the_proposal_the_answer_and_both_endorsements(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    prepared = commit(peers, proposal)

    certificate = x509.load_pem_x509_certificate(peers.identity.certificate)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(prepared.signature, prepared.payload, ec.ECDSA(hashes.SHA256()))
    found = chaincode_transaction(prepared)
    assert found
    assert (found.transaction_id, found.arguments, found.response) == (proposal.transaction_id, (b"f", b"a"), b"result")
    payload = common_pb2.Payload.FromString(prepared.payload)
    (only,) = transaction_pb2.Transaction.FromString(payload.data).actions
    assert only.header == payload.header.signature_header
    action = transaction_pb2.ChaincodeActionPayload.FromString(only.payload).action
    assert action.proposal_response_payload == network.nodes[0].endorsement(b"result").payload
    assert [item.endorser for item in action.endorsements] == [network.nodes[at].identity.creator for at in (0, 2)]


def test_the_gateway_endorses_when_a_peer_is_gone_and_next_time_another_one_is_asked(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    network.servers[2].stop(None).wait(10)

    assert commit(peers, proposal).payload == BY_GATEWAY
    assert commit(peers, proposal).payload != BY_GATEWAY
    assert network.asked == [2, 0, 0, 1]


def test_the_gateway_endorses_when_a_peer_has_no_chaincode_server(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    network.nodes[0].answer = lambda _: failed(500, "error in simulation: failed to execute transaction")

    assert commit(peers, proposal).payload == BY_GATEWAY
    assert commit(peers, proposal).payload != BY_GATEWAY
    assert network.asked == [1, 1, 2, 0]


def test_peers_that_stay_silent_are_waited_for_twice_and_then_left_in_peace(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    def stay_silent(_: int) -> None:
        raise Refusal("in time", code=grpc.StatusCode.DEADLINE_EXCEEDED)

    for node in network.nodes[2:]:
        node.answer = stay_silent

    for _ in range(6):
        assert commit(peers, proposal).payload == BY_GATEWAY

    assert network.asked == [2, 0, 1, 1]


@pytest.mark.parametrize("fail", [EndorseFailed("revoked"), None], ids=["said", "found by the validators"])
def test_a_peer_whose_word_counts_for_nothing_stops_nothing(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal, fail: EndorseFailed | None
) -> None:
    def validate(envelope: Any) -> int:
        spoilt = b"of no authority" in envelope.payload
        codes = transaction_pb2.TxValidationCode
        return int(codes.ENDORSEMENT_POLICY_FAILURE if spoilt else codes.VALID)

    for node in network.nodes:
        node.validation = validate
    spoiling = network.nodes[2].endorsement(b"result")
    spoiling.endorsement.signature = b"of no authority"
    network.nodes[2].answer = lambda _: failed(500, "revoked") if fail else spoiling

    with nullcontext() if fail else pytest.raises(CommitRefused, match="ENDORSEMENT_POLICY_FAILURE"):
        commit(peers, proposal)
    assert commit(peers, proposal)
    peers.respite = Respite()
    assert commit(peers, proposal).payload != BY_GATEWAY
    assert network.asked[2] == 1


def test_a_conflict_of_reads_is_no_fault_of_who_endorsed(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    network.nodes[0].validation = lambda _: int(transaction_pb2.TxValidationCode.MVCC_READ_CONFLICT)

    for _ in range(3):
        with pytest.raises(CommitConflict):
            commit(peers, proposal)

    assert network.gateway_asked == 0
    assert network.asked == [3, 0, 3, 0]


@pytest.mark.parametrize("endorser", [self_certified("ControllerMSP").creator, b"\xff\xff", b""])
def test_who_speaks_for_another_organisation_does_not_endorse(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal, endorser: bytes
) -> None:
    wrong = network.nodes[2].endorsement(b"result")
    wrong.endorsement.endorser = endorser
    network.nodes[2].answer = lambda _: wrong

    assert commit(peers, proposal).payload == BY_GATEWAY


def test_a_silent_peer_is_not_waited_for_longer_than_told(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    ended = threading.Event()
    network.nodes[2].meanwhile = partial(ended.wait, 10)

    with pytest.raises(PeerUnavailable):
        endorse(peers, proposal, seconds=0.2)
    ended.set()


def test_a_refusal_counts_when_it_is_repeated(network: FakeNetwork, peers: PeerRing, proposal: SignedProposal) -> None:
    network.nodes[2].answer = lambda number: (
        network.nodes[2].endorsement(b"result") if number else failed(400, "knows no job")
    )

    assert commit(peers, proposal).payload != BY_GATEWAY


def test_what_the_chaincode_refuses_is_refused_in_its_words(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    network.nodes[2].answer = lambda _: failed(400, "knows no job")
    network.nodes[0].gateway_words = "chaincode response 400, knows no job"

    with pytest.raises(ChaincodeRefused) as refused:
        endorse(peers, proposal, seconds=10)
    assert (refused.value.status, refused.value.reason) == (400, "knows no job")
    with pytest.raises(ChaincodeRefused, match="knows no job"):
        commit(peers, proposal)
    assert network.nodes[0].submitted == []


def test_peers_that_differ_are_asked_again_and_the_one_behind_is_left(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    network.nodes[2].answer = lambda _: network.nodes[2].endorsement(b"of the block before")

    with pytest.raises(EndorsementsDiffer):
        endorse(peers, proposal, seconds=10)
    assert commit(peers, proposal).payload != BY_GATEWAY
    assert network.asked == [2, 0, 1, 1]


def test_when_all_peers_of_an_organisation_differ_the_gateway_has_the_last_word(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal
) -> None:
    for node in network.nodes[2:]:
        node.answer = lambda _: network.nodes[2].endorsement(b"of the block before")
    network.nodes[0].gateway_words = "ProposalResponsePayloads do not match"

    with pytest.raises(EndorsementsDiffer):
        commit(peers, proposal)
    assert network.nodes[0].submitted == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("duplicate transaction found [ab]. Creator [cd]", AlreadyKnown),
        ("error validating proposal: access denied: channel [channel] creator org [PeersMSP]", NotPermitted),
        ("request unauthorized due to incorrect timestamp", NotPermitted),
    ],
)
def test_what_a_peer_says_of_the_proposal_itself_is_final(
    network: FakeNetwork, peers: PeerRing, proposal: SignedProposal, words: str, error: type[FabricError]
) -> None:
    def refuse(_: int) -> None:
        raise Refusal(words)

    network.nodes[2].answer = refuse

    with pytest.raises(error):
        commit(peers, proposal)
    assert network.gateway_asked == 0


@pytest.mark.parametrize("known", [0, 2])
def test_who_does_not_know_the_peers_of_every_organisation_leaves_endorsing_to_the_gateway(
    network: FakeNetwork, proposal: SignedProposal, known: int
) -> None:
    endpoints = [replace(item, endorses_for="") for item in network.endpoints[known:]]
    peers = PeerRing([*network.endpoints[:known], *endpoints], self_certified("ControllerMSP"))

    assert commit(peers, proposal).payload == BY_GATEWAY
    assert network.asked == [0, 0, 0, 0]
    peers.close()


def test_known_peers_are_left_in_peace_for_longer_each_time_until_one_of_their_transactions_counts() -> None:
    now = [1000.0]
    respite = Respite(lambda: now[0])
    lengths = []
    for _ in range(12):
        respite.failed()
        begun = now[0]
        while respite.lasts:
            now[0] += 5
        lengths.append(now[0] - begun)

    assert lengths[:5] == [0, FIRST_SECONDS, 60, 120, 240]
    assert lengths[-1] == 600
    respite.succeeded()
    respite.failed()
    assert not respite.lasts
    respite.succeeded()
    respite.failed(spoilt=True)
    assert respite.lasts

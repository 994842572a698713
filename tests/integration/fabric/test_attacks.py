"""Attacks on a real Fabric network: what a member, a stranger and a CA's administrator may try."""

import secrets
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import product

import pytest

from chaincode.fabric.functions import FUNCTIONS
from deploy.fabric.identities.enrolment import CaEnrolment
from deploy.fabric.network import NodeRole
from fabric_client.errors import AlreadyKnown, ChaincodeRefused, CommitRefused, FabricError, NotPermitted
from fabric_client.gateway import Gateway
from fabric_client.identity import Identity
from fabric_client.proposals import propose
from ledger.errors import TransactionRefused
from ledger.fabric.errors import NotAdmitted
from ledger.fabric.ledger import FabricLedger
from portal.membership.ports import Kind
from tests.support.fabric.certificates import admitted, certified_until, self_certified
from tests.support.fabric.network import FabricNetwork, connects_to_chaincode, health, transaction
from tests.support.fabric.proposals import SECONDS, call, complete, endorsed_by, now_ms, submission
from tests.support.ledger import KEYS, World
from tests.support.waiting import wait_for
from wire.ledger import names
from wire.ledger.operations import Deposit, Mint, operation_text
from wire.signing import OPERATION, SigningKey


def minting(key: SigningKey = KEYS.treasury) -> str:
    reference = secrets.token_hex(8)
    text = operation_text(f"account.mint:{reference}", Mint(account_id="bob", amount_micro=10**9, reference=reference))
    return key.sign(text.encode(), OPERATION)


def test_one_organisation_alone_changes_nothing(world: World, gateway: Gateway, recorder: Identity) -> None:
    now = now_ms()
    text = operation_text(f"account.deposit:{secrets.token_hex(8)}", Deposit(account_id="bob", amount_micro=1))
    by_custody = KEYS.custody.sign(text.encode(), OPERATION)
    envelope = transaction(KEYS.controller, [by_custody], timestamp_ms=now, transaction_id=secrets.token_hex(8))
    before = world.account("bob")

    with pytest.raises(CommitRefused) as refused:
        complete(gateway, propose(recorder, submission(envelope, now)), "ControllerMSP")

    assert refused.value.code == "ENDORSEMENT_POLICY_FAILURE"
    assert world.account("bob") == before


def test_the_controller_with_an_operator_of_a_peer_changes_nothing(
    fabric_network: FabricNetwork, world: World, gateway: Gateway, recorder: Identity
) -> None:
    operator = admitted(fabric_network, Kind.NODE)
    now, before = now_ms(), world.account("bob")
    text = operation_text(f"account.deposit:{secrets.token_hex(8)}", Deposit(account_id="bob", amount_micro=1))
    by_custody = KEYS.custody.sign(text.encode(), OPERATION)
    envelope = transaction(KEYS.controller, [by_custody], timestamp_ms=now, transaction_id=secrets.token_hex(8))
    proposal = propose(recorder, submission(envelope, now))
    prepared = gateway.endorse(proposal, seconds=SECONDS, organisations=("ControllerMSP",))

    gateway.submit(proposal, endorsed_by(prepared, operator, submitter=recorder), seconds=SECONDS)
    with pytest.raises(CommitRefused) as refused:
        gateway.commit_status(proposal.transaction_id, proposal.channel, seconds=SECONDS)

    assert refused.value.code == "ENDORSEMENT_POLICY_FAILURE"
    assert world.account("bob") == before


def test_a_forged_proposal_is_refused(gateway: Gateway, recorder: Identity) -> None:
    proposal = propose(recorder, call(function=names.PROBE))
    proposal.signed.proposal_bytes = proposal.signed.proposal_bytes.replace(b"probe", b"probf")

    with pytest.raises(NotPermitted):
        gateway.endorse(proposal, seconds=SECONDS)


def test_a_replayed_proposal_is_refused(gateway: Gateway, recorder: Identity) -> None:
    proposal = propose(recorder, call(function=names.PROBE))
    complete(gateway, proposal)

    with pytest.raises(AlreadyKnown):
        gateway.endorse(proposal, seconds=SECONDS)


@pytest.mark.parametrize("minutes", [-2, 2])
def test_a_submitter_does_not_choose_its_own_time(ledger: FabricLedger, minutes: int) -> None:
    envelope = transaction(KEYS.controller, [minting()], timestamp_ms=now_ms() + minutes * 60_000)

    with pytest.raises(NotAdmitted, match="timestamp"):
        ledger.submit(envelope)


def test_a_stranger_with_a_certificate_of_its_own_is_refused(fabric_network: FabricNetwork) -> None:
    peer = fabric_network.peer("controller", self_certified("ControllerMSP"))

    with pytest.raises(NotPermitted):
        peer.gateway.endorse(propose(self_certified("ControllerMSP"), call(function=names.PROBE)), seconds=SECONDS)
    peer.channel.close()


def test_a_member_of_one_organisation_cannot_speak_for_the_other(fabric_network: FabricNetwork) -> None:
    recorder = fabric_network.identity("controller", "recorder")
    pretending = replace(recorder, msp_id="PeersMSP")
    peer = fabric_network.peer("peers", pretending)

    with pytest.raises(NotPermitted):
        peer.gateway.endorse(propose(pretending, call(function=names.PROBE)), seconds=SECONDS)
    peer.channel.close()


def test_a_ca_that_certifies_a_second_treasury_gains_nothing(fabric_network: FabricNetwork, world: World) -> None:
    with CaEnrolment(fabric_network.places, fabric_network.network, "controller") as enrolment:
        directory = enrolment.user("treasury-of-my-own")
    second = Identity.read("ControllerMSP", directory)
    peer = fabric_network.peer("controller", second)
    before = world.owns("bob")
    now = now_ms()

    by_its_own_key = transaction(second.key, [minting(second.key)], timestamp_ms=now)
    with pytest.raises(FabricError, match="knows no key"):
        peer.gateway.endorse(propose(second, submission(by_its_own_key, now)), seconds=SECONDS)

    assert world.owns("bob") == before
    peer.channel.close()


def test_a_revoked_certificate_is_refused_by_every_peer(fabric_network: FabricNetwork) -> None:
    with CaEnrolment(fabric_network.places, fabric_network.network, "peers") as enrolment:
        leaver = Identity.read("PeersMSP", enrolment.user("leaver"))
    connections = [fabric_network.peer(organisation, leaver) for organisation in ("controller", "peers")]
    assert complete(connections[0].gateway, propose(leaver, call(function=names.PROBE)))

    revoked = fabric_network.command("revoke", "peers", "leaver")

    assert revoked.returncode == 0, revoked.stderr
    for peer in connections:
        wait_for("the refusal", partial(_is_refused, peer.gateway, leaver), 60)
        peer.channel.close()
    assert fabric_network.command("up").returncode == 0


def _is_refused(gateway: Gateway, identity: Identity) -> bool:
    try:
        gateway.endorse(propose(identity, call(function=names.PROBE)), seconds=SECONDS)
    except NotPermitted:
        return True
    return False


def test_a_certificate_that_has_expired_is_refused(fabric_network: FabricNetwork) -> None:
    with CaEnrolment(fabric_network.places, fabric_network.network, "peers") as enrolment:
        now_and_then = Identity.read("PeersMSP", enrolment.user("late"))
    expired = certified_until(fabric_network, now_and_then, datetime.now(UTC) - timedelta(minutes=1))
    peer = fabric_network.peer("peers", expired)

    with pytest.raises(NotPermitted):
        peer.gateway.endorse(propose(expired, call(function=names.PROBE)), seconds=SECONDS)
    peer.channel.close()

    still = certified_until(fabric_network, now_and_then, datetime.now(UTC) + timedelta(minutes=5))
    peer = fabric_network.peer("peers", still)
    assert complete(peer.gateway, propose(still, call(function=names.PROBE)))
    peer.channel.close()


def test_the_recorder_cannot_mint(ledger: FabricLedger) -> None:
    reference = secrets.token_hex(8)
    text = operation_text(f"account.mint:{reference}", Mint(account_id="bob", amount_micro=1, reference=reference))

    assert ledger.submit(transaction(KEYS.controller, [text])).results[0].reason == "not_authorised"
    assert ledger.submit(transaction(KEYS.controller, [minting(KEYS.custody)])).results[0].reason == "not_authorised"


def test_a_key_that_the_ledger_does_not_know_is_refused(ledger: FabricLedger) -> None:
    with pytest.raises(TransactionRefused, match="knows no key"):
        ledger.submit(transaction(KEYS.stranger, [minting()]))


def test_an_altered_transaction_is_refused(ledger: FabricLedger) -> None:
    header, payload, signature = transaction(KEYS.controller, [minting()]).split(".")
    _, other, _ = transaction(KEYS.controller, [minting()]).split(".")

    with pytest.raises(TransactionRefused, match="altered"):
        ledger.submit(f"{header}.{other}.{signature}")
    assert payload != other


def test_nobody_begins_the_ledger_again(gateway: Gateway, recorder: Identity) -> None:
    with pytest.raises(FabricError, match="has begun"):
        gateway.endorse(propose(recorder, call(KEYS.genesis().text(), function=names.GENESIS)), seconds=SECONDS)


def test_malformed_arguments_of_every_function_leave_both_servers_running(
    fabric_network: FabricNetwork, gateway: Gateway, recorder: Identity
) -> None:
    arguments = ("", "{}", "a.b.c", "[" * 50_000, "\x00", "\U0010ffff", "x" * 1_000_000)
    statuses: Counter[int] = Counter()
    for function, argument in product((*FUNCTIONS, "", "unknown", "__init__"), arguments):
        try:
            gateway.evaluate(propose(recorder, call(argument, function=function)), seconds=SECONDS)
        except ChaincodeRefused as refused:
            statuses[refused.status] += 1

    assert statuses.keys() == {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}
    assert statuses[HTTPStatus.NOT_FOUND] == 3 * len(arguments)
    assert complete(gateway, propose(recorder, call(function=names.PROBE)))
    assert all(health(fabric_network, name)["peers"] > 0 for name in ("controller", "peers"))


def test_only_a_peer_opens_a_stream_to_a_chaincode_server(fabric_network: FabricNetwork, recorder: Identity) -> None:
    tls = fabric_network.places.node(fabric_network.node(NodeRole.PEER, "controller")) / "tls"
    key = SigningKey.from_pem((tls / "key.pem").read_bytes())
    peer = Identity(msp_id="ControllerMSP", certificate=(tls / "cert.pem").read_bytes(), key=key)

    assert connects_to_chaincode(fabric_network, "controller", peer)
    assert not connects_to_chaincode(fabric_network, "controller")
    assert not connects_to_chaincode(fabric_network, "controller", self_certified("ControllerMSP"))
    # The organisation's CA has certified it, as it certifies providers: with enough streams it would keep out peers.
    assert not connects_to_chaincode(fabric_network, "controller", recorder)

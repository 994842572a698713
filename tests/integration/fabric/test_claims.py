"""Claims by providers' own hands at a real network's peers; no part of the controller runs here but its chaincode."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chaincode.fabric.functions import FUNCTIONS
from fabric_client import committing
from fabric_client.blocks import chaincode_transaction
from fabric_client.deliver import deliver
from fabric_client.errors import ChaincodeRefused, FabricError, PeerUnavailable
from fabric_client.identity import Identity
from fabric_client.peers import PeerConnection
from fabric_client.proposals import propose
from portal.membership.errors import MemberExpelled
from portal.membership.ports import provider_member
from provider_agent.claims.drafts import draft, signed
from provider_agent.claims.evidence import EvidenceStore
from provider_agent.claims.peers import NetworkFailed, PeerLedger
from provider_agent.machine import membership as memberships
from tests.support.fabric.certificates import certified_until, self_certified
from tests.support.fabric.network import FabricNetwork, transaction
from tests.support.fabric.proposals import call
from tests.support.fabric.providers import PAY, ProviderMachine, admission
from tests.support.ledger import KEYS, World, job_arguments
from tests.support.tickets import now_ms
from tests.support.waiting import wait_for
from wire.codec import encode
from wire.enrolment import JobQuery, KnownPeer
from wire.ledger import names
from wire.ledger.operations import Mint, operation_text
from wire.signing import QUERY, SigningKey


@pytest.fixture
def alice(fabric_network: FabricNetwork, tmp_path: Path) -> Iterator[ProviderMachine]:
    made = ProviderMachine(tmp_path / "alice", fabric_network, provider_id="alice-pc", key=KEYS.alice)
    yield made
    made.journal.close()


@pytest.fixture
def kate(fabric_network: FabricNetwork, tmp_path: Path) -> Iterator[ProviderMachine]:
    made = ProviderMachine(tmp_path / "kate", fabric_network, provider_id="kate-pc", key=KEYS.kate)
    yield made
    made.journal.close()


def ledger_of(machine: ProviderMachine) -> PeerLedger:
    return PeerLedger(machine.membership, machine.key, clock=now_ms, pause=lambda _: None)


def test_a_claim_goes_from_the_machine_to_a_peer_and_is_paid_once(world: World, alice: ProviderMachine) -> None:
    job_id, before = alice.runs(world), world.owns("alice")
    asked = alice.command("claim-status", job_id)

    first = alice.command("claim", job_id)
    again = alice.command("claim", job_id)
    alice.command("claim", "--all")

    assert (asked.returncode, "created, and not claimed" in asked.stdout) == (0, True), asked.stderr
    assert (first.returncode, first.stdout) == (0, f"{job_id}  paid\n"), first.stderr
    assert again.stdout == f"{job_id}  done before: paid\n"
    assert alice.command("claim-status", job_id).stdout == f"{job_id}  paid\n"
    assert world.job(job_id).state == "settled"
    assert world.owns("alice") == before + PAY
    assert world.books() == (0, {})


def test_a_claim_without_an_acknowledgement_that_is_too_early_is_refused_with_the_contracts_reason(
    world: World, alice: ProviderMachine
) -> None:
    # The agent would wait by itself; a machine whose clock is ahead does not.
    job_id = alice.runs(world, acknowledged=False)
    evidence = EvidenceStore(alice.home.journal).of(job_id)
    assert evidence is not None
    ready = draft(evidence, working_keys(alice), provider_id="alice-pc", now_ms=now_ms() + 600_000)

    with ledger_of(alice) as ledger:
        answer = ledger.submit(signed(ready, alice.key))
        again = ledger.submit(signed(ready, alice.key))

    assert (answer.state, answer.reason) == ("refused", "too_early: the job may still be confirmed")
    assert again == answer
    assert world.job(job_id).state == "created"


def working_keys(machine: ProviderMachine) -> Mapping[str, str]:
    return EvidenceStore(machine.home.journal).working_keys()


def test_a_peer_that_is_gone_is_passed_over_and_without_any_the_cure_is_named(
    world: World, alice: ProviderMachine
) -> None:
    job_id, peers = alice.runs(world), alice.membership.peers
    gone = KnownPeer(address="127.0.0.1:1", tls_root_pem=peers[0].tls_root_pem)

    alice.change(peers=(gone,))
    nobody = alice.command("claim", job_id)
    alice.change(peers=(gone, *peers))
    somebody = alice.command("claim", job_id)

    assert nobody.returncode == 1
    assert "no peer of the network answers" in nobody.stderr
    assert "127.0.0.1:1" in nobody.stderr
    assert somebody.stdout == f"{job_id}  paid\n", somebody.stderr


def test_without_the_other_organisation_nothing_is_claimed_and_afterwards_it_is(
    fabric_network: FabricNetwork, world: World, alice: ProviderMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = alice.runs(world)
    monkeypatch.setattr(committing, "STAGE_SECONDS", 1.0)
    store = EvidenceStore(alice.home.journal)
    evidence = store.of(job_id)
    assert evidence is not None
    name = f"chaincode.controller.{fabric_network.network.sequence}"
    fabric_network.operator.daemons.stop(name, kill=True)
    ready = signed(draft(evidence, working_keys(alice), provider_id="alice-pc", now_ms=now_ms()), alice.key)
    try:
        with ledger_of(alice) as ledger, pytest.raises(NetworkFailed, match="cannot endorse now"):
            ledger.submit(ready)
    finally:
        assert fabric_network.command("up").returncode == 0

    assert alice.command("claim", job_id).stdout == f"{job_id}  paid\n"


def test_a_provider_learns_nothing_of_anothers_job_and_cannot_claim_it(
    world: World, alice: ProviderMachine, kate: ProviderMachine
) -> None:
    job_id, before = alice.runs(world), (world.owns("alice"), world.owns("kate"))
    evidence = EvidenceStore(alice.home.journal).of(job_id)
    assert evidence is not None
    stolen = draft(evidence, working_keys(alice), provider_id="kate-pc", now_ms=now_ms())

    with ledger_of(kate) as ledger:
        seen = ledger.job_state(job_id)
        answer = ledger.submit(signed(stolen, KEYS.kate))
        forged = ledger.submit(signed(stolen, KEYS.stranger))

    assert seen == ledger_of(kate).job_state("no-such-job") == ""
    assert (answer.state, answer.reason) == ("refused", "not_authorised: the ticket is for another provider")
    assert forged.state == "refused"
    assert (world.owns("alice"), world.owns("kate")) == before
    assert alice.command("claim", job_id).stdout == f"{job_id}  paid\n"


def test_a_question_that_was_overheard_is_not_answered_later(
    fabric_network: FabricNetwork, world: World, alice: ProviderMachine, kate: ProviderMachine
) -> None:
    job_id = alice.runs(world)
    overheard = alice.key.sign(encode(JobQuery(job_id=job_id, asked_at_ms=now_ms() - 1)), QUERY)
    thief = Identity(msp_id="PeersMSP", certificate=kate.membership.certificate_pem.encode(), key=KEYS.kate)
    peer = fabric_network.peer("peers", thief)

    with pytest.raises(ChaincodeRefused, match="not the time of the proposal"):
        peer.gateway.evaluate(propose(thief, call(overheard, function=names.OWN_JOB)), seconds=20)
    peer.channel.close()


@pytest.fixture
def inside(fabric_network: FabricNetwork, kate: ProviderMachine) -> Iterator[tuple[PeerConnection, Identity]]:
    """A connection to a peer of the other organisation, with a provider's certificate."""
    identity = Identity(msp_id="PeersMSP", certificate=kate.membership.certificate_pem.encode(), key=KEYS.kate)
    peer = fabric_network.peer("controller", identity)
    yield peer, identity
    peer.channel.close()


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - {names.SUBMIT, names.OWN_JOB}))
def test_a_providers_certificate_opens_no_other_function(
    inside: tuple[PeerConnection, Identity], function: str
) -> None:
    peer, identity = inside
    arguments = ["x"] * (FUNCTIONS[function].takes or 0)

    with pytest.raises(ChaincodeRefused, match="does not let its holder read"):
        peer.gateway.evaluate(propose(identity, call(*arguments, function=function)), seconds=20)


def test_a_provider_reads_no_blocks(world: World, inside: tuple[PeerConnection, Identity]) -> None:
    peer, identity = inside
    world.mint("bob", 1)

    with pytest.raises(FabricError, match="access denied"):
        peer.gateway.height("chainfaas", seconds=20)
    with pytest.raises(ChaincodeRefused, match="access denied"):
        peer.gateway.find("chainfaas", "x", seconds=20)
    with pytest.raises(PeerUnavailable, match="FORBIDDEN"):
        next(deliver(peer, identity, "chainfaas", 0)[1])


def test_a_providers_certificate_makes_it_no_recorder(world: World, inside: tuple[PeerConnection, Identity]) -> None:
    peer, identity = inside
    before = world.owns("bob")
    mint = operation_text("account.mint:mine", Mint(account_id="kate", amount_micro=1, reference="mine"))
    job = operation_text("job.create:mine", job_arguments("mine"))
    for key in (KEYS.kate, KEYS.stranger):
        now = now_ms()
        envelope = transaction(key, [mint, job], timestamp_ms=now)
        proposal = propose(identity, call(envelope, timestamp_ms=now))
        if key is KEYS.stranger:
            with pytest.raises(ChaincodeRefused, match="knows no key"):
                peer.gateway.endorse(proposal, seconds=20)
        else:
            prepared = peer.gateway.endorse(proposal, seconds=20)
            found = chaincode_transaction(prepared)
            assert found is not None
            assert [item["reason"] for item in json.loads(found.response)] == ["not_authorised"] * 2
    assert world.owns("bob") == before


def test_an_expired_certificate_claims_nothing_until_it_is_renewed(
    fabric_network: FabricNetwork, world: World, alice: ProviderMachine
) -> None:
    job_id = alice.runs(world)
    given = Identity(msp_id="PeersMSP", certificate=alice.membership.certificate_pem.encode(), key=alice.key)
    expired = certified_until(fabric_network, given, datetime.now(UTC) - timedelta(minutes=1))
    alice.change(certificate_pem=expired.certificate.decode())

    refused = alice.command("claim", job_id)
    alice.change(certificate_pem=given.certificate.decode())

    assert refused.returncode == 1
    assert "chainfaas-agent renew" in refused.stderr
    assert alice.command("claim", job_id).stdout == f"{job_id}  paid\n"


def test_a_strangers_certificate_claims_nothing(world: World, alice: ProviderMachine) -> None:
    job_id = alice.runs(world)
    stranger = self_certified("PeersMSP")
    alice.change(certificate_pem=stranger.certificate.decode())

    assert "does not accept this machine" in alice.command("claim", job_id).stderr
    assert world.job(job_id).state == "created"


def test_a_provider_that_was_revoked_in_the_portal_is_nobody_on_the_network(
    fabric_network: FabricNetwork, world: World, tmp_path: Path
) -> None:
    key = SigningKey.generate()
    assert world.register("leavers-pc", "kate", key) == "applied"
    leaver = ProviderMachine(tmp_path / "leaver", fabric_network, provider_id="leavers-pc", key=key)
    job_id = leaver.runs(world)
    member = provider_member(key.public.key_id)

    admission(fabric_network).registrar.expel(member)
    published = fabric_network.command("publish-revocations")

    assert published.returncode == 0, published.stderr
    wait_for("the refusal", lambda: "does not accept this machine" in leaver.command("claim", job_id).stderr, 60)
    with pytest.raises(MemberExpelled):
        admission(fabric_network).admit(member, memberships.request(key))
    assert world.job(job_id).state == "created"
    again = fabric_network.command("publish-revocations")
    assert again.stdout.split("]")[-1] == published.stdout.split("]")[-1]
    leaver.journal.close()

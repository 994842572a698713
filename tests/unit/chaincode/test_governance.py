"""Mint, burn, fees and keys need an authority of each organisation: one alone changes nothing."""

import pytest

from chaincode.contracts.testing import InMemoryState
from tests.support.ledger import CREDIT, KEYS, World, marketplace
from wire.ledger import state_keys
from wire.ledger.clocks import PROPOSAL_MS
from wire.ledger.operations import Approve, Mint, PinKey, Reject, RevokeKey, SetFees, operation_text
from wire.ledger.records import FeePolicy, ProposalRecord, Supply
from wire.ledger.states import ProposalState
from wire.signing import OPERATION, SigningKey, sha256_hex

MINT = Mint(account_id="bob", amount_micro=5 * CREDIT, reference="bank-1")
MINT_ID = "account.mint:bank-1"
MINT_TEXT = operation_text(MINT_ID, MINT)
FEES = SetFees(version=2, platform_ppm=50_000, peers_ppm=20_000)
FEES_ID = "fees.set:2"
FEES_TEXT = operation_text(FEES_ID, FEES)


@pytest.fixture
def world() -> World:
    return World(ledger=InMemoryState(KEYS.genesis()))


def send(world: World, text: str, key: SigningKey) -> str:
    return world.send(key.sign(text.encode(), OPERATION))


def minted(world: World) -> int:
    return world.get(Supply, state_keys.supply()).minted


def test_money_is_minted_when_both_organisations_approve_what_the_treasury_proposed(world: World) -> None:
    assert send(world, MINT_TEXT, KEYS.treasury) == "applied"
    assert minted(world) == 0
    assert world.events[-1].name == "proposal.opened.v1"

    assert world.approve(MINT_ID, MINT_TEXT, KEYS.ours) == ["applied"]
    assert minted(world) == 0
    assert world.events[-1].name == "proposal.approved.v1"
    assert world.approve(MINT_ID, MINT_TEXT, KEYS.peers) == ["applied"]

    assert minted(world) == 5 * CREDIT
    assert world.account("bob").available == 5 * CREDIT
    assert [event.name for event in world.events[-2:]] == ["account.minted.v1", "proposal.enacted.v1"]
    assert world.get(ProposalRecord, state_keys.proposal(MINT_ID)).state is ProposalState.ENACTED
    assert world.approve(MINT_ID, MINT_TEXT, KEYS.peers) == ["wrong_state"]
    assert send(world, MINT_TEXT, KEYS.treasury) == "repeated"
    assert world.books() == (0, {})


def test_one_organisation_alone_mints_nothing(world: World) -> None:
    send(world, MINT_TEXT, KEYS.treasury)
    world.approve(MINT_ID, MINT_TEXT, KEYS.ours)

    assert world.approve(MINT_ID, MINT_TEXT, KEYS.ours) == ["approved_already"]
    for key in (KEYS.treasury, KEYS.controller, KEYS.custody, KEYS.root, KEYS.alice):
        assert world.approve(MINT_ID, MINT_TEXT, key)[0] in {"not_authorised", "unknown_key"}
    assert minted(world) == 0


def test_only_the_treasury_proposes_a_mint_and_only_an_authority_fees_and_keys(world: World) -> None:
    for key in (KEYS.ours, KEYS.peers, KEYS.controller, KEYS.custody):
        assert send(world, MINT_TEXT, key) == "not_authorised"
    pin = PinKey(role="treasury", holder="", public_key_pem=KEYS.stranger.public.pem)
    revoke = RevokeKey(key_id=KEYS.treasury.public.key_id)
    for key in (KEYS.treasury, KEYS.controller, KEYS.custody):
        for arguments in (FEES, pin, revoke):
            assert world.do(arguments, author=key) == "not_authorised"


def test_what_was_approved_is_what_is_done(world: World) -> None:
    send(world, MINT_TEXT, KEYS.treasury)
    other = operation_text(MINT_ID, Mint(account_id="bob", amount_micro=1, reference="bank-1"))

    assert world.approve(MINT_ID, other) == ["wrong_proposal", "wrong_proposal"]
    assert world.approve("account.mint:other", MINT_TEXT) == ["unknown_proposal"] * 2
    assert send(world, other, KEYS.treasury) == "conflict"


def test_a_proposal_that_cannot_be_enacted_is_refused_at_once(world: World) -> None:
    world.enact(MINT, by=KEYS.treasury)

    assert world.enact(MINT, by=KEYS.treasury) == "reference_used"
    assert world.enact(Mint(account_id="bob", amount_micro=0, reference="r"), by=KEYS.treasury) == "malformed"
    assert world.enact(SetFees(version=9, platform_ppm=0, peers_ppm=0)) == "wrong_fees"
    assert world.enact(SetFees(version=2, platform_ppm=999_999, peers_ppm=2)) == "malformed"


def test_two_proposals_for_one_reference_mint_once(world: World) -> None:
    texts = {name: operation_text(name, MINT) for name in ("account.mint:a", "account.mint:b")}
    for text in texts.values():
        assert send(world, text, KEYS.treasury) == "applied"

    assert world.approve("account.mint:a", texts["account.mint:a"]) == ["applied", "applied"]
    assert world.approve("account.mint:b", texts["account.mint:b"]) == ["applied", "reference_used"]
    assert minted(world) == 5 * CREDIT


def test_an_authority_that_proposes_has_approved(world: World) -> None:
    assert send(world, FEES_TEXT, KEYS.peers) == "applied"
    assert world.approve(FEES_ID, FEES_TEXT, KEYS.peers) == ["approved_already"]

    assert world.approve(FEES_ID, FEES_TEXT, KEYS.ours) == ["applied"]

    assert world.get(FeePolicy, state_keys.fee_policy()) == FeePolicy(version=2, platform_ppm=50_000, peers_ppm=20_000)


def test_jobs_keep_the_fees_of_their_creation() -> None:
    world = marketplace()
    world.create("job6")
    assert world.enact(FEES) == "applied"
    world.create("job8")
    for job_id in ("job6", "job8"):
        world.receipt(job_id)
        world.confirm(job_id)

    assert world.owns("alice") == (612 * CREDIT) + 12 * CREDIT * 93 // 100
    assert (world.owns("platform"), world.owns("peers")) == (12 * CREDIT * 5 // 100, 12 * CREDIT * 2 // 100)


def test_a_rejected_or_stale_proposal_is_not_enacted(world: World) -> None:
    send(world, MINT_TEXT, KEYS.treasury)
    send(world, FEES_TEXT, KEYS.ours)
    rejection = Reject(proposal_id=MINT_ID, reason="no such payment")
    for key in (KEYS.controller, KEYS.custody):
        assert world.do(rejection, author=key) == "not_authorised"
    assert world.do(Reject(proposal_id=FEES_ID, reason="x"), author=KEYS.treasury) == "not_authorised"

    assert world.do(rejection, author=KEYS.peers) == "applied"
    world.now_ms += PROPOSAL_MS + 1

    assert world.approve(MINT_ID, MINT_TEXT) == ["wrong_state"] * 2
    assert world.approve(FEES_ID, FEES_TEXT, KEYS.peers) == ["too_late"]
    assert world.do(rejection, author=KEYS.ours) == "wrong_state"


def test_malformed_approvals_are_refused(world: World) -> None:
    send(world, MINT_TEXT, KEYS.treasury)
    for proposal_id in ("", "a~b", "x" * 161):
        approval = Approve(proposal_id=proposal_id, digest=sha256_hex(b""))
        assert world.do(approval, author=KEYS.ours) == "malformed"

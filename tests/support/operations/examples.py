"""One example of every operation that the ledger knows, with the only people who may do it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.claims import claim, ticket
from tests.support.ledger import IMAGE, KEYS, OUTPUT, job_arguments, receipt_jws
from wire.ledger.clocks import EPOCH_MS
from wire.ledger.operations import (
    Approve,
    Arguments,
    AskPayout,
    AttestEpoch,
    BurnPayout,
    CancelJob,
    CheckpointEpoch,
    CloseEpoch,
    ConfirmResult,
    DecideJob,
    Deposit,
    ExpireJob,
    Fold,
    GiveNotice,
    Mint,
    OwnAccount,
    PayClaim,
    PinKey,
    PublishVersion,
    RefuseClaim,
    RefusePayout,
    RegisterOperator,
    RegisterProvider,
    Reject,
    RenounceKey,
    RevokeKey,
    RotateKey,
    SetFees,
    SubmitReceipt,
    SupersedeJob,
    Transfer,
    WithdrawDeposit,
)
from wire.signing import ENROLMENT, SigningKey

#: Everybody with a key on the ledger of `World`, once Olga runs peers, and three that it does not know.
PINNED = ("controller", "root", "custody", "treasury", "ours", "peers", "alice", "kate", "olga")
UNKNOWN = ("bob", "working", "stranger")
PROVIDERS = frozenset({"alice", "kate"})
AUTHORITIES = frozenset({"ours", "peers"})
CONTROLLER, CUSTODY, TREASURY = frozenset({"controller"}), frozenset({"custody"}), frozenset({"treasury"})
#: Time or somebody's signature in the arguments is the authority.
ANYBODY = frozenset(PINNED)

NEW = SigningKey.generate()
_DIGEST = "d" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """An operation with arguments that are as they should be, about things that are not on the ledger."""

    arguments: Arguments
    #: Of `PINNED`.
    allowed: frozenset[str]


def examples(now_ms: int | None = None) -> Iterator[Example]:
    """Yield at least one example of each kind."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    for allowed, found in (
        (CONTROLLER, _by_the_controller(now)),
        (CUSTODY, _by_custody("nobody")),
        (frozenset({"ours"}), _about_money_of("platform")),
        (frozenset({"peers"}), _about_money_of("peers")),
        (frozenset(), _about_money_of("bond")),
        (TREASURY, _by_the_treasury()),
        (AUTHORITIES, _by_an_authority()),
        (PROVIDERS, (claim(ticket("none"), "none"),)),
        (PROVIDERS | {"olga"}, _about_ones_own_key()),
        (AUTHORITIES | TREASURY, (Reject(proposal_id="fees.set:none", reason="a test"),)),
        (frozenset({"olga"}), (AttestEpoch(epoch=1, height=1, block_hash=_DIGEST),)),
        (ANYBODY, _by_anybody()),
    ):
        for arguments in found:
            yield Example(arguments=arguments, allowed=allowed)


def _by_the_controller(now_ms: int) -> Iterator[Arguments]:
    yield RegisterProvider(provider_id="new-pc", account_id="alice", public_key_pem=NEW.public.pem)
    yield job_arguments("none", provider_id="nobody-pc", placed_at_ms=now_ms, pay_until_ms=now_ms + 1_000)
    yield ConfirmResult(job_id="none", output_digest=OUTPUT, observed_ms=1)
    yield SupersedeJob(job_id="none")
    yield ExpireJob(job_id="none")
    yield CancelJob(job_id="none", used_ms=0)
    yield RefuseClaim(job_id="none", reason="a test")
    yield Fold(account_id="bob")
    yield CheckpointEpoch(epoch=now_ms // EPOCH_MS, block_number=1, block_hash=_DIGEST)


def _by_custody(account_id: str) -> Iterator[Arguments]:
    yield PublishVersion(
        version_id="new-v1",
        developer_id=account_id,
        image=IMAGE,
        price_ceiling_nano_per_ms=1,
        timeout_ms=1_000,
        memory_mb=128,
        cpu_millis=1000,
        budget_micro_per_day=1,
    )
    proof = NEW.sign(account_id.encode(), ENROLMENT)
    yield OwnAccount(account_id=account_id, public_key_pem=NEW.public.pem, proof=proof)
    yield from _about_money_of(account_id)


def _about_money_of(account_id: str) -> Iterator[Arguments]:
    yield Deposit(account_id=account_id, amount_micro=1)
    yield Transfer(account_id=account_id, to_account_id="kate", amount_micro=1)
    yield GiveNotice(account_id=account_id, amount_micro=1)
    yield WithdrawDeposit(account_id=account_id)
    yield AskPayout(payout_id="new", account_id=account_id, amount_micro=1)


def _by_the_treasury() -> Iterator[Arguments]:
    yield Mint(account_id="bob", amount_micro=1, reference="new")
    yield BurnPayout(payout_id="none", reference="new")
    yield RefusePayout(payout_id="none", reason="a test")


def _by_an_authority() -> Iterator[Arguments]:
    yield DecideJob(job_id="none", pay_ms=0, reason="a test")
    yield SetFees(version=99, platform_ppm=0, peers_ppm=0)
    yield PinKey(role="treasury", holder="", public_key_pem=NEW.public.pem)
    yield RevokeKey(key_id=KEYS.stranger.public.key_id)
    yield RegisterOperator(operator_id="new", public_key_pem=NEW.public.pem)
    yield Approve(proposal_id="fees.set:none", digest=_DIGEST)


def _about_ones_own_key() -> Iterator[Arguments]:
    yield RotateKey(public_key_pem="not a key")
    yield RenounceKey(key_id=KEYS.stranger.public.key_id)


def _by_anybody() -> Iterator[Arguments]:
    yield SubmitReceipt(job_id="none", receipt=receipt_jws("none"))
    yield PayClaim(job_id="none")
    yield CloseEpoch(epoch=1)

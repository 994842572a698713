"""Epochs: operators attest a block of the ledger, and share the peers' pool.

A contract cannot see blocks. So the controller puts on the record what it sees, each operator what its own peer has,
and whoever differs shows. One epoch is open at a time.
"""

from collections.abc import Iterator
from dataclasses import replace

from chaincode.contracts import accounts, checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.governance.operators import MOST_OPERATORS
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.codec import to_plain
from wire.ledger import events, state_keys
from wire.ledger.clocks import EPOCH_GRACE_MS, EPOCH_MS
from wire.ledger.operations import AttestEpoch, CheckpointEpoch, CloseEpoch
from wire.ledger.records import Attestation, Epoch, OperatorRecord, PinnedKey
from wire.ledger.refusals import Refusal
from wire.ledger.states import EpochState, KeyRole


def _epoch_reads(_arguments: CheckpointEpoch | AttestEpoch) -> Iterator[str]:
    yield state_keys.epoch()


def _close_reads(_arguments: CloseEpoch) -> Iterator[str]:
    yield state_keys.epoch()
    yield state_keys.account(state_keys.PEERS_ACCOUNT)


class EpochContract(Contract):
    """Epochs."""

    @transaction(CheckpointEpoch, reads=_epoch_reads)
    def checkpoint(self, ctx: Context, arguments: CheckpointEpoch) -> None:
        """Name the block that operators attest in this epoch."""
        ctx.require(KeyRole.CONTROLLER)
        now = ctx.timestamp_ms // EPOCH_MS
        checks.within("epoch", arguments.epoch, (now, now))
        checks.numbers(block_number=arguments.block_number)
        checks.digests(block_hash=arguments.block_hash)
        before = ctx.cache.get(Epoch, state_keys.epoch())
        if before:
            _check_follows(before, arguments)
        epoch = Epoch(
            number=arguments.epoch,
            block_number=arguments.block_number,
            block_hash=arguments.block_hash,
            checkpointed_at_ms=ctx.timestamp_ms,
        )
        ctx.cache.put(state_keys.epoch(), epoch)
        ctx.emit(events.EPOCH_CHECKPOINTED, str(epoch.number), to_plain(epoch))

    @transaction(AttestEpoch, reads=_epoch_reads)
    def attest(self, ctx: Context, arguments: AttestEpoch) -> None:
        """Note what an operator's peer has; one that differs from the checkpoint counts for nothing and is shown."""
        ctx.require(KeyRole.OPERATOR)
        checks.numbers(epoch=arguments.epoch, height=arguments.height)
        checks.digests(block_hash=arguments.block_hash)
        epoch, operator_id = _open_epoch(ctx, arguments.epoch), ctx.author.holder
        checks.within("height", arguments.height, (epoch.block_number + 1, checks.MAX_NUMBER))
        if ctx.timestamp_ms >= _closes_at_ms(epoch):
            raise Refused(Refusal.TOO_LATE, f"epoch {epoch.number} could be attested until {_closes_at_ms(epoch)}")
        operator = ctx.record(OperatorRecord, state_keys.operator(operator_id), Refusal.UNKNOWN_OPERATOR)
        if operator.registered_at_ms > epoch.checkpointed_at_ms:
            raise Refused(Refusal.TOO_EARLY, f"registered after epoch {epoch.number} began: the next one is the first")
        place = state_keys.attestation(epoch.number, operator_id)
        if ctx.cache.get(Attestation, place):
            raise Refused(Refusal.ATTESTED_ALREADY)
        attestation = Attestation(
            operator_id=operator_id,
            epoch=epoch.number,
            height=arguments.height,
            block_hash=arguments.block_hash,
            agrees=arguments.block_hash == epoch.block_hash,
            attested_at_ms=ctx.timestamp_ms,
        )
        ctx.cache.put(place, attestation)
        name = events.EPOCH_ATTESTED if attestation.agrees else events.EPOCH_CONTRADICTED
        ctx.emit(name, operator_id, to_plain(attestation))

    @transaction(CloseEpoch, reads=_close_reads)
    def close(self, ctx: Context, arguments: CloseEpoch) -> None:
        """Share the pool equally between the operators that agreed; whoever asks, for time is the authority."""
        checks.numbers(epoch=arguments.epoch)
        epoch = _open_epoch(ctx, arguments.epoch)
        if ctx.timestamp_ms < _closes_at_ms(epoch):
            raise Refused(Refusal.TOO_EARLY, f"epoch {epoch.number} can be closed from {_closes_at_ms(epoch)} on")
        said = _taken(ctx, epoch.number)
        agreed = [attestation.operator_id for attestation in said if attestation.agrees]
        counted = replace(epoch, agreed=len(agreed), differed=len(said) - len(agreed), closed_at_ms=ctx.timestamp_ms)
        closed = _share(ctx, counted, agreed)
        ctx.cache.put(state_keys.epoch(), closed)
        ctx.emit(events.epoch_is(closed.state), str(closed.number), to_plain(closed))


def _check_follows(before: Epoch, arguments: CheckpointEpoch) -> None:
    if before.number >= arguments.epoch:
        raise Refused(Refusal.EPOCH_EXISTS)
    if before.state is EpochState.OPEN:
        raise Refused(Refusal.EARLIER_EPOCH_OPEN, f"epoch {before.number} has to be closed first")
    if arguments.block_number <= before.block_number:
        raise Refused(Refusal.OLD_BLOCK, f"block_number: expected more than {before.block_number}")


def _open_epoch(ctx: Context, number: int) -> Epoch:
    epoch = ctx.record(Epoch, state_keys.epoch(), Refusal.UNKNOWN_EPOCH)
    if epoch.number != number:
        raise Refused(Refusal.UNKNOWN_EPOCH, f"the newest epoch is {epoch.number}")
    if epoch.state is not EpochState.OPEN:
        raise Refused(Refusal.WRONG_STATE, f"epoch {number} is {epoch.state}")
    return epoch


def _closes_at_ms(epoch: Epoch) -> int:
    return (epoch.number + 1) * EPOCH_MS + EPOCH_GRACE_MS


def _taken(ctx: Context, number: int) -> list[Attestation]:
    """Take an epoch's attestations off the state; return those of operators whose key was not revoked meanwhile."""
    said = list(ctx.cache.items(Attestation, state_keys.attestation_prefix(number), MOST_OPERATORS))
    for place, _ in said:
        ctx.cache.delete(place)
    ctx.cache.prefetch(state_keys.operator(attestation.operator_id) for _, attestation in said)
    operators = [ctx.record(OperatorRecord, state_keys.operator(told.operator_id), Refusal.RAISED) for _, told in said]
    ctx.cache.prefetch(state_keys.key(operator.key_id) for operator in operators)
    pinned = [ctx.record(PinnedKey, state_keys.key(operator.key_id), Refusal.RAISED) for operator in operators]
    return [told for (_, told), key in zip(said, pinned, strict=True) if key.revoked_at_ms is None]


def _share(ctx: Context, epoch: Epoch, agreed: list[str]) -> Epoch:
    """Pay each operator that agreed; what cannot be divided stays in the pool."""
    if epoch.differed and epoch.differed >= epoch.agreed:
        return replace(epoch, state=EpochState.DISPUTED)
    pool = accounts.fold(ctx, state_keys.PEERS_ACCOUNT)
    share = pool.available // len(agreed) if agreed else 0
    if not share:
        return replace(epoch, state=EpochState.UNSHARED)
    accounts.store(ctx, state_keys.PEERS_ACCOUNT, replace(pool, available=pool.available - share * len(agreed)))
    for operator_id in agreed:
        accounts.credit(ctx, operator_id, share)
        ctx.emit(events.EPOCH_PAID, operator_id, {"epoch": epoch.number, "amount_micro": share})
    return replace(epoch, state=EpochState.SHARED, share_micro=share)

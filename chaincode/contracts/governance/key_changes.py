"""Changes of keys: by both organisations, or by the owner of the key itself."""

from collections.abc import Iterator

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.governance import pinning
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, governed, transaction
from wire.errors import BadSignature
from wire.ledger import events, state_keys
from wire.ledger.genesis import Genesis
from wire.ledger.operations import OwnAccount, PinKey, RenounceKey, RevokeKey, RotateKey
from wire.ledger.records import Owner, PinnedKey
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole
from wire.signing import ENROLMENT


def _rotate_reads(_arguments: RotateKey) -> Iterator[str]:
    yield from ()


def _renounce_reads(arguments: RenounceKey) -> Iterator[str]:
    yield state_keys.key(arguments.key_id)


def _own_reads(arguments: OwnAccount) -> Iterator[str]:
    yield state_keys.owner(arguments.account_id)


class KeyContract(Contract):
    """Keys."""

    @governed(PinKey, by=(KeyRole.AUTHORITY,))
    def pin(self, ctx: Context, arguments: PinKey) -> None:
        """Pin a further key of a role, or the new key of somebody who lost the old one."""
        role = _role(arguments.role)
        if role in pinning.PERSONAL:
            checks.identifiers(holder=arguments.holder)
            if role is KeyRole.OWNER:
                ctx.record(Owner, state_keys.owner(arguments.holder), Refusal.UNKNOWN_ACCOUNT)
        elif arguments.holder not in _holders(ctx, role):
            raise checks.refuse("holder", "an organisation for an authority, else nothing")
        pinning.pin(ctx, role, arguments.holder, arguments.public_key_pem)

    @governed(RevokeKey, by=(KeyRole.AUTHORITY,))
    def revoke(self, ctx: Context, arguments: RevokeKey) -> None:
        """End a key."""
        checks.key_id("key_id", arguments.key_id)
        pinning.revoke(ctx, arguments.key_id)

    @transaction(RotateKey, reads=_rotate_reads)
    def rotate(self, ctx: Context, arguments: RotateKey) -> None:
        """Replace a provider's or an owner's key by the old one's word."""
        ctx.require(*pinning.PERSONAL)
        pinning.pin(ctx, ctx.author.role, ctx.author.holder, arguments.public_key_pem)

    @transaction(RenounceKey, reads=_renounce_reads)
    def renounce(self, ctx: Context, arguments: RenounceKey) -> None:
        """End one's own key, the present or an earlier one."""
        ctx.require(*pinning.PERSONAL)
        checks.key_id("key_id", arguments.key_id)
        pinned = ctx.record(PinnedKey, state_keys.key(arguments.key_id), Refusal.UNKNOWN_KEY)
        if (pinned.role, pinned.holder) != (ctx.author.role, ctx.author.holder):
            raise Refused(Refusal.NOT_AUTHORISED)
        pinning.revoke(ctx, arguments.key_id)

    @transaction(OwnAccount, reads=_own_reads)
    def own(self, ctx: Context, arguments: OwnAccount) -> None:
        """Hand an account over to its owner's own key, which has to prove itself."""
        ctx.require(KeyRole.CUSTODY)
        checks.identifiers(account_id=arguments.account_id)
        checks.participant("account_id", arguments.account_id)
        key = checks.public_key("public_key_pem", arguments.public_key_pem)
        try:
            proved = key.verify(arguments.proof, ENROLMENT)
        except BadSignature as error:
            raise Refused(Refusal.BAD_SIGNATURE, f"proof: {error}") from error
        if proved != arguments.account_id.encode():
            raise Refused(Refusal.BAD_SIGNATURE, "proof: is for another account")
        if ctx.cache.get(Owner, state_keys.owner(arguments.account_id)):
            raise Refused(Refusal.IN_CUSTODY_OF_OWNER)
        pinning.pin(ctx, KeyRole.OWNER, arguments.account_id, arguments.public_key_pem)
        ctx.emit(events.ACCOUNT_OWNED, arguments.account_id, {"key_id": key.key_id})


def _role(name: str) -> KeyRole:
    try:
        return KeyRole(name)
    except ValueError as error:
        raise checks.refuse("role", f"one of {', '.join(KeyRole)}") from error


def _holders(ctx: Context, role: KeyRole) -> frozenset[str]:
    if role is not KeyRole.AUTHORITY:
        return frozenset({""})
    return frozenset(ctx.record(Genesis, state_keys.genesis(), Refusal.RAISED).organisations)

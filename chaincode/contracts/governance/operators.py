"""Who runs peers and shares in the commission: both organisations decide."""

from chaincode.contracts import accounts, checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, governed
from wire.codec import to_plain
from wire.ledger import events, state_keys
from wire.ledger.operations import RegisterOperator
from wire.ledger.records import OperatorRecord, PinnedKey
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole

#: An epoch is closed in one operation, which reads an attestation of each.
MOST_OPERATORS = 500


class OperatorContract(Contract):
    """Peer operators."""

    @governed(RegisterOperator, by=(KeyRole.AUTHORITY,))
    def register(self, ctx: Context, arguments: RegisterOperator) -> None:
        """Pin an operator's key; the account is the operator, so nobody shares twice."""
        operator_id = arguments.operator_id
        checks.identifiers(operator_id=operator_id)
        checks.participant("operator_id", operator_id)
        key_id = checks.public_key("public_key_pem", arguments.public_key_pem).key_id
        if ctx.cache.get(OperatorRecord, state_keys.operator(operator_id)):
            raise Refused(Refusal.OPERATOR_EXISTS)
        if ctx.cache.get(PinnedKey, state_keys.key(key_id)):
            raise Refused(Refusal.KEY_TAKEN)
        if len(list(ctx.cache.items(OperatorRecord, state_keys.operator_prefix(), MOST_OPERATORS))) >= MOST_OPERATORS:
            raise Refused(Refusal.TOO_MANY_OPERATORS)
        operator = OperatorRecord(operator_id=operator_id, key_id=key_id, registered_at_ms=ctx.timestamp_ms)
        pinned = PinnedKey(role=KeyRole.OPERATOR, holder=operator_id, public_key_pem=arguments.public_key_pem)
        ctx.cache.put(state_keys.operator(operator_id), operator)
        ctx.cache.put(state_keys.key(key_id), pinned)
        accounts.open_account(ctx, operator_id)
        ctx.emit(events.OPERATOR_REGISTERED, operator_id, to_plain(operator))

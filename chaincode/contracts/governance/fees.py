"""The fee policy: jobs keep the one that stood when they were created."""

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, governed
from wire.codec import to_plain
from wire.ledger import events, state_keys
from wire.ledger.fees import WHOLE_PPM
from wire.ledger.operations import SetFees
from wire.ledger.records import FeePolicy
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole


class FeesContract(Contract):
    """Fees."""

    @governed(SetFees, by=(KeyRole.AUTHORITY,))
    def set_fees(self, ctx: Context, arguments: SetFees) -> None:
        """Change the fee policy for jobs created from now on."""
        checks.within("platform_ppm", arguments.platform_ppm, (0, WHOLE_PPM))
        checks.within("peers_ppm", arguments.peers_ppm, (0, WHOLE_PPM - arguments.platform_ppm))
        before = ctx.record(FeePolicy, state_keys.fee_policy(), Refusal.RAISED)
        if arguments.version != before.version + 1:
            raise Refused(Refusal.WRONG_FEES, f"version: expected {before.version + 1}")
        policy = FeePolicy(
            version=arguments.version, platform_ppm=arguments.platform_ppm, peers_ppm=arguments.peers_ppm
        )
        ctx.cache.put(state_keys.fee_policy(), policy)
        ctx.emit(events.FEES_SET, events.FEES, to_plain(policy))

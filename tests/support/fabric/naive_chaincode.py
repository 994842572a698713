"""The chaincode's server with one function more, as payments should not be written: read a sum, add to it, write it.

For comparison only: no production server has it.
"""

from chaincode.fabric import functions, state
from chaincode.fabric.__main__ import main
from chaincode.fabric.functions import ChaincodeFunction, FunctionAnswer, FunctionCall
from wire.ledger import names

FUNCTION = "pay_naively"
#: Beside the contracts' state, which it must not touch.
_SUM = f"{names.probe()}~sum"


def pay_naively(call: FunctionCall) -> FunctionAnswer:
    """Add one to the sum that all payments share."""
    before = int(state.read(call.conversation, [_SUM]).get(_SUM, b"0"))
    state.write(call.conversation, {_SUM: b"%d" % (before + 1)})
    return FunctionAnswer()


if __name__ == "__main__":
    functions.FUNCTIONS = {**functions.FUNCTIONS, FUNCTION: ChaincodeFunction(run=pay_naively, takes=0)}
    main()

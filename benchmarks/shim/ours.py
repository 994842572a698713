"""Our chaincode server with the benchmark's contract: `python -m benchmarks.shim.ours ADDRESS`."""

import sys
import threading
from pathlib import Path

from chaincode.fabric import functions, state
from chaincode.fabric.functions import ChaincodeFunction, FunctionAnswer, FunctionCall
from chaincode.fabric.server import ChaincodeServer
from chaincode.fabric.transactions import Transactions


def touch(call: FunctionCall) -> FunctionAnswer:
    """Read each key and write it."""
    keys = call.arguments
    state.read(call.conversation, keys)
    state.write(call.conversation, dict.fromkeys(keys, b"x" * 200))
    return FunctionAnswer(payload=b"ok")


if __name__ == "__main__":
    functions.FUNCTIONS = {"touch": ChaincodeFunction(run=touch, takes=None, for_everybody=True)}
    transactions = Transactions(Path("genesis.json"))
    ChaincodeServer(package_id="benchmark:1", address=sys.argv[1], tls=None, transactions=transactions).start()
    threading.Event().wait()

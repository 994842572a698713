"""The stock package with the benchmark's contract, in a Python that has it: `python stock.py [quiet] ADDRESS`."""

import asyncio
import logging
import sys
from typing import Any

from fabric_chaincode_python.fabric_shim import server
from fabric_chaincode_python.fabric_shim.interfaces import Chaincode
from fabric_chaincode_python.fabric_shim.response import success


class Touch(Chaincode):  # type: ignore[misc]
    """Reads each key and writes it."""

    async def init(self, _stub: Any) -> Any:
        """Do nothing."""
        return success(b"")

    async def invoke(self, stub: Any) -> Any:
        """Run one transaction."""
        _, keys = stub.get_function_and_parameters()
        for key in keys:
            await stub.get_state(key)
            await stub.put_state(key, "x" * 200)
        return success(b"ok")


if __name__ == "__main__":
    if "quiet" in sys.argv:
        # As shipped it writes a line for each message.
        logging.disable(logging.CRITICAL)
    asyncio.set_event_loop(asyncio.new_event_loop())
    server.start(Touch, cc_id="benchmark:1", address=sys.argv[-1])

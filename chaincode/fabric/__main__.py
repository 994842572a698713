"""Run the chaincode server: `python -m chaincode.fabric --help`."""

import gc
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import click

from chaincode.fabric.errors import ChaincodeError
from chaincode.fabric.server import ChaincodeServer, Tls
from chaincode.fabric.transactions import Transactions
from wire import logs
from wire.http.health import health_page, serving

#: A transaction makes ten thousand objects that no cycle holds; to look for cycles among them costs a twentieth of it.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_FILE = click.Path(path_type=Path, dir_okay=False)
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--package-id", required=True, help="As `peer lifecycle chaincode install` shows it.")
@click.option("--address", required=True, help="host:port where the peers connect.")
@click.option("--certificate", required=True, type=_EXISTING, help="The server's TLS certificate.")
@click.option("--key", required=True, type=_EXISTING, help="The key of that certificate.")
@click.option("--client-root", required=True, type=_EXISTING, help="Root of the CA whose peers may connect.")
@click.option("--genesis", required=True, type=_FILE, help="The genesis that this organisation agrees to.")
@click.option("--health", required=True, help="host:port of GET /healthz.")
def main(**given: str | Path) -> None:
    """Serve the contracts to the peers of one organisation until SIGTERM or SIGINT."""
    logs.configure()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    transactions = Transactions(Path(given["genesis"]))
    tls = Tls(certificate=Path(given["certificate"]), key=Path(given["key"]), client_root=Path(given["client_root"]))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    host, _, port = str(given["health"]).rpartition(":")
    with ExitStack() as closing:
        try:
            server = ChaincodeServer(
                package_id=str(given["package_id"]), address=str(given["address"]), tls=tls, transactions=transactions
            )
            pages = {"/healthz": health_page(lambda: (True, server.health()))}
            closing.enter_context(serving((host, int(port)), pages))
        except (ChaincodeError, OSError) as error:
            sys.exit(f"chaincode server: {error}")
        server.start()
        ended.wait()
    server.stop()


if __name__ == "__main__":
    main()

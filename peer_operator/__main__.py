"""The commands `fabric-network/join` and `fabric-network/peer`."""

import logging
import signal
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from deploy.commands import (
    SETTINGS,
    Commands,
    binaries_option,
    directory_option,
    every_option,
    lines_option,
    say,
    show_log,
)
from deploy.errors import DeployError
from deploy.fabric import readiness, supervision
from deploy.fabric.network import PORTS, NodeRole, load
from deploy.fabric.tools import FabricTools
from deploy.paths import VAR
from deploy.servers.ports import free_ports
from fabric_client.profile import Profile
from ledger.errors import LedgerError
from ledger.fabric import verification
from ledger.fabric.ledger import FabricLedger
from peer_operator.attesting import Attester, clock_ms, run
from peer_operator.home import OperatorHome
from peer_operator.joining import ask
from peer_operator.peer import JoinedPeer
from wire import logs
from wire.joining import JoinKit
from wire.ledger.genesis import Genesis

Command = Callable[..., None]


@click.group(cls=Commands, context_settings=SETTINGS)
def main() -> None:
    """Run a peer of your own on a marketplace's ledger, and earn a share of its commission."""
    # What the client logs is for programs; here the outcome is shown.
    logging.getLogger("fabric_client").addHandler(logging.NullHandler())


def of_a_peer(command: Command) -> Command:
    """Let a command take a peer's directory."""

    @directory_option("--data", VAR / "peer", "Where this peer's keys, data and logs lie.")
    @binaries_option
    @wraps(command)
    def placed(*, data: Path, binaries: Path, **options: Any) -> None:
        command(JoinedPeer(OperatorHome(root=data), FabricTools(directory=binaries), say), **options)

    return placed


@main.command()
@click.argument("portal")
@click.argument("code")
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address by which other peers reach this.")
@click.option("--base-port", default=0, help="First of seven ports in a row; 0: any that are free.")
@click.option("--renew", is_flag=True, help="Get new certificates for a peer that joined before.")
@of_a_peer
def join(peer: JoinedPeer, *, portal: str, code: str, renew: bool, **place: Any) -> None:
    """Join the network of PORTAL with a one-time CODE from its page Peers; safe to repeat."""
    home = peer.home
    peer.build()
    kit = home.kit()
    if kit is None or renew:
        say(f"keys are in {home.root}: keep a copy of operator.pem")
        planned = load(home.places)
        # Once the peer was planned, it stays where others reach it.
        kit = ask(portal, code, keys=home.keys(), host=planned.host if planned else place["host"])
        home.keep(kit)
        say(f"{portal} has certified them; organisation {kit.msp_id}, channel {kit.channel}")
    else:
        say(f"this peer has joined before: it goes on with what is in {home.root}")
    if load(home.places) is None:
        home.plan(kit, place["host"], _ports(place["base_port"]))
    _up(peer, kit)


def _ports(first: int) -> list[int]:
    count = sum(len(PORTS[role]) for role in (NodeRole.PEER, NodeRole.CHAINCODE))
    return list(range(first, first + count)) if first else free_ports(count)


def _up(peer: JoinedPeer, kit: JoinKit) -> None:
    say(f"ready at block {peer.up(kit)}; `fabric-network/peer status` shows how it goes on")


@main.command()
@of_a_peer
def up(peer: JoinedPeer) -> None:
    """Start what does not run; also after an upgrade of the chaincode."""
    _up(peer, peer.kit())


@main.command()
@of_a_peer
def status(peer: JoinedPeer) -> None:
    """Show each process, the peer's height, and where attesting stands; fails when a process is missing."""
    described, running = peer.network(), peer.daemons.running()
    names = peer.process_names(described)
    for name in names:
        click.echo(f"{name:14} {f'process {running[name]}' if name in running else 'NOT RUNNING'}")
    (node,) = described.of(NodeRole.PEER)
    height = readiness.height(peer.places, described, node)
    click.echo(f"{'height':14} {'the peer does not answer' if height is None else f'{height} blocks'}")
    click.echo(f"{'attesting':14} {peer.home.standing()}")
    if missing := [name for name in names if name not in running]:
        raise DeployError(f"{', '.join(missing)} not running: `fabric-network/peer up` starts what is missing")


@main.command("logs")
@click.argument("name")
@lines_option
@of_a_peer
def logs_of(peer: JoinedPeer, *, name: str, lines: int) -> None:
    """Show the end of a process's log; NAME as `status` shows it."""
    show_log(peer.daemons, name, lines)


@main.command()
@of_a_peer
def down(peer: JoinedPeer) -> None:
    """Stop everything; data and keys stay."""
    peer.network()
    say(f"stopped {peer.down()} processes")


@main.command()
@every_option
@of_a_peer
def watch(peer: JoinedPeer, *, every: float) -> None:
    """Start again what ends, until this command or the peer is stopped; the processes outlive it."""
    supervision.watch(peer, say, every)


@main.command()
@of_a_peer
def verify(peer: JoinedPeer) -> None:
    """Prove this peer's ledger from its first block: hashes, signatures, and every transaction replayed."""
    kit = peer.kit()
    try:
        with FabricLedger(Profile.read(peer.home.profile_file)) as ledger:
            proved = verification.verify(ledger, Genesis.parse(kit.genesis))
    except LedgerError as error:
        raise DeployError(f"the ledger is not proved: {error}") from error
    say(f"proved: {proved.blocks} blocks, {proved.transactions} transactions; newest block {proved.hash}")


@main.command()
@of_a_peer
def attest(peer: JoinedPeer) -> None:
    """Attest each epoch until SIGTERM or SIGINT; `join` and `up` start this by themselves."""
    logs.configure()
    home, stopped = peer.home, threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with FabricLedger(Profile.read(home.profile_file)) as ledger:
        attester = Attester(ledger, peer.kit().operator_id, home.keys().operator, clock_ms)
        run(attester, stopped, home.note)


if __name__ == "__main__":
    main(prog_name="peer")

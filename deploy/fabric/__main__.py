"""The command `fabric-network/network`."""

import logging
from datetime import timedelta
from pathlib import Path

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
from deploy.fabric import supervision, topology
from deploy.fabric.identities.expiry import WARN, ending
from deploy.fabric.network import Network, NodeRole, plan
from deploy.fabric.nodes.chaincode import server_address, server_name
from deploy.fabric.operator import NetworkOperator
from deploy.fabric.readiness import height
from deploy.fabric.tools import FabricTools
from deploy.paths import FABRIC, VAR
from deploy.servers.ports import free_ports
from deploy.servers.supervisor import PortTaken

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(cls=Commands, context_settings=SETTINGS)
@directory_option("--data", VAR / "fabric", "Where the network's data, keys and logs lie.")
@binaries_option
@click.pass_context
def main(context: click.Context, data: Path, binaries: Path) -> None:
    """Build, start and look after a Hyperledger Fabric network without Docker images."""
    # What the client logs is for programs; here the outcome is shown.
    logging.getLogger("fabric_client").addHandler(logging.NullHandler())
    context.obj = NetworkOperator(data, FabricTools(directory=binaries), say)


@main.command()
@click.pass_obj
def build(operator: NetworkOperator) -> None:
    """Build Fabric's programs from pinned sources (needs Go and gcc; once)."""
    operator.build()


@main.command()
@click.option("--small", is_flag=True, help="One orderer, and one peer an organisation.")
@click.option("--free-ports", "free", is_flag=True, help="Take any ports that are free.")
@click.option(
    "--topology",
    "file",
    type=_FILE,
    default=FABRIC / "topology.toml",
    help="What a new network consists of.",
)
@click.option(
    "--genesis",
    type=_FILE,
    help="Begin the ledger with these keys and fees (`manage.py make_keys` writes genesis.json).",
)
@click.pass_obj
def up(operator: NetworkOperator, *, small: bool, free: bool, file: Path, genesis: Path | None) -> None:
    """Make the network the first time, and start what does not run."""

    def planned() -> Network:
        wanted = topology.read(file, small=small)
        following = range(wanted.base_port, wanted.base_port + 1000)
        return plan(wanted, free_ports if free else lambda count: list(following[:count]))

    try:
        operator.up(planned, genesis)
    except PortTaken as error:
        advice = "stop that, or make the network elsewhere with `--data DIRECTORY --free-ports`"
        raise DeployError(f"{error}: {advice}") from error


@main.command()
@click.argument("genesis", type=_FILE)
@click.pass_obj
def begin(operator: NetworkOperator, genesis: Path) -> None:
    """Begin the ledger with the keys and fees of a genesis file."""
    operator.begin(genesis)


@main.command()
@click.pass_obj
def status(operator: NetworkOperator) -> None:
    """Show each process, its address, and the height of each peer; fails when one is missing."""
    network = operator.network()
    running = operator.daemons.running()
    missing = 0
    for node in network.nodes:
        name, address = node.name, network.address(node)
        if node.role is NodeRole.CHAINCODE:
            name, address = server_name(node, network.sequence), server_address(network, node)
        blocks = height(operator.places, network, node) if node.role is NodeRole.PEER and name in running else None
        missing += name not in running
        process = f"process {running[name]}" if name in running else "NOT RUNNING"
        shown = "" if blocks is None else f"{blocks} blocks"
        click.echo(f"{name:24} {address:22} {process:18} {shown}")
    for certificate in ending(operator.places.root):
        where = certificate.path.relative_to(operator.places.root)
        click.echo(f"WARNING: {where} ends on {certificate.at:%Y-%m-%d}: run `fabric-network/network renew`")
    if missing:
        raise DeployError(f"{missing} of {len(network.nodes)} do not run: `fabric-network/network up` starts them")


@main.command()
@every_option
@click.pass_obj
def watch(operator: NetworkOperator, *, every: float) -> None:
    """Start again what ends, until this command or the network is stopped; the processes outlive it."""
    supervision.watch(operator, say, every)


@main.command()
@click.pass_obj
def down(operator: NetworkOperator) -> None:
    """Stop everything; data and keys stay."""
    say(f"stopped {operator.down()} processes")


@main.command()
@click.pass_obj
def reset(operator: NetworkOperator) -> None:
    """Stop everything and remove all data and keys."""
    operator.reset()
    say(f"removed {operator.places.root}")


@main.command()
@click.argument("name")
@lines_option
@click.pass_obj
def logs(operator: NetworkOperator, name: str, lines: int) -> None:
    """Show the end of a process's log; NAME as `status` shows it."""
    show_log(operator.daemons, name, lines)


@main.command("add-peer")
@click.argument("organisation")
@click.pass_obj
def add_peer(operator: NetworkOperator, organisation: str) -> None:
    """Add a peer to an organisation; it has caught up when this ends."""
    peer = operator.add_peer(organisation, free_ports)
    say(f"{peer.name} serves at {operator.network().address(peer)}")


@main.command()
@click.argument("organisation")
@click.argument("name")
@click.pass_obj
def revoke(operator: NetworkOperator, organisation: str, name: str) -> None:
    """Take all certificates of a user or node out of force, by a change of the channel."""
    say(f"{name} is revoked; {organisation} has revoked {operator.revoke(organisation, name)} certificates")


@main.command("publish-revocations")
@click.pass_obj
def publish_revocations(operator: NetworkOperator) -> None:
    """Put on the channel what the CAs have revoked since, as providers that were revoked in the portal."""
    for organisation, count in operator.publish_revocations().items():
        say(f"{organisation} has revoked {count} certificates")


@main.command()
@click.option("--within", default=WARN.days, show_default=True, help="Days within which a certificate ends.")
@click.pass_obj
def renew(operator: NetworkOperator, *, within: int) -> None:
    """Replace the certificates that end soon, for the same keys; transactions go on meanwhile."""
    operator.renew(timedelta(days=within))
    say(f"{len(ending(operator.places.root))} certificates end within {WARN.days} days")


@main.command()
@click.pass_obj
def upgrade(operator: NetworkOperator) -> None:
    """Put the chaincode as it is now in the place of the one that runs; the state stays."""
    say(f"definition {operator.upgrade()} of the chaincode is in force")


if __name__ == "__main__":
    main(prog_name="network")

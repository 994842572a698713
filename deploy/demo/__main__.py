"""`deploy/quickstart`: the whole marketplace on this machine, with one call to see."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click

from deploy.commands import SETTINGS, OperatorCommand, directory_option, say
from deploy.demo.function import NAME
from deploy.demo.people import ADMINISTRATORS, DEVELOPER
from deploy.demo.story import Story
from deploy.demo.tools import write_tools
from deploy.errors import DeployError
from deploy.marketplace.fabric import FabricChoice
from deploy.marketplace.running import Marketplace, Progress
from deploy.paths import VAR

_LOOK_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for the end."""


@click.command(cls=OperatorCommand, context_settings=SETTINGS)
@click.option("--once", is_flag=True, help="Stop after one call; the last line is one JSON object.")
@directory_option(
    "--data", None, "Directory with everything that is kept. [default: var/quickstart, or var/quickstart-fabric]"
)
@click.option(
    "--ledger",
    type=click.Choice(["embedded", "fabric"]),
    default="embedded",
    envvar="LEDGER",
    show_default=True,
    show_envvar=True,
    help="fabric: a Hyperledger Fabric network on this machine; needs Go and gcc, and minutes the first time.",
)
@click.option(
    "--topology",
    type=click.Choice(["small", "default"]),
    help="Of the Fabric network: one orderer and two peers, or three and four. [default: small]",
)
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--port-base", type=click.IntRange(1024, 65_000), help="First of the ports. [default: free ones]")
def main(*, once: bool, data: Path | None, ledger: str, topology: str | None, **options: Any) -> None:
    """Start a marketplace on this machine, call its demo function, and serve until Ctrl-C."""
    begun = time.monotonic()
    if topology and ledger != "fabric":
        raise click.UsageError("--topology is for --ledger fabric")
    fabric = FabricChoice(topology=topology or "small") if ledger == "fabric" else None
    directory = data or VAR / ("quickstart-fabric" if fabric else "quickstart")

    progress = partial(say, err=once)
    try:
        with _stoppable(), Marketplace(directory, fabric=fabric, **options) as market:
            _run(market, progress=progress, begun=begun, once=once)
    except Stopped:
        click.echo("stopped", err=True)


def _run(market: Marketplace, *, progress: Progress, begun: float, once: bool) -> None:
    if market.left_over:
        progress(f"ended {market.left_over} processes that a killed run had left")
    market.start(ADMINISTRATORS, progress)
    with Story(market, progress) as story:
        story.set_up()
        report = story.call(begun)
    if once:
        progress("stopping")
        market.supervisor.stop_all()
        click.echo(json.dumps(asdict(report)))
        return
    _show_ways_in(market, progress)
    progress("Ctrl-C stops it")
    _serve(market)


def _show_ways_in(market: Marketplace, progress: Progress) -> None:
    servers, function = market.servers, f"{market.functions_url}/f/{DEVELOPER.name}/{NAME}"
    manage, agent = write_tools(market)
    image = f"{servers.registry.host}/<name>:1"
    docker = f"docker --host {servers.docker_url}"
    for name, text in (
        ("portal", f"{market.portal_url} (sign-in: {market.layout.credentials})"),
        ("authority", f"{servers.tls.ca_file} (for curl's --cacert, and for a browser)"),
        ("function", f"curl --cacert {servers.tls.ca_file} --data 'one two three' {function}"),
        ("top-up", f"{manage} top_up <name> <credits> --reference <payment>"),
        ("machine", f"{agent} enroll {market.portal_url} <code> --home <directory>, then run --home <directory>"),
        ("image", f"{docker} build -t {image} <directory>, then {docker} push {image}"),
    ):
        progress(f"{name:9} {text}")
    if market.fabric:
        progress(f"{'network':9} fabric-network/network --data {market.fabric.root} status")


def _serve(market: Marketplace) -> None:
    while True:
        dead = market.supervisor.dead()
        if dead is not None:
            raise DeployError(f"{dead.program.name} ended with status {dead.process.returncode}", log=dead.log)
        threading.Event().wait(_LOOK_SECONDS)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn the first signal into an exception, so that everything is stopped on the way out; ignore the others."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for number in _SIGNALS:
        signal.signal(number, stop)
    yield


if __name__ == "__main__":
    main(prog_name="deploy/quickstart")

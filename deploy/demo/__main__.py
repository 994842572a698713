"""`deploy/quickstart`: the whole marketplace on this machine, with one call to see."""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from deploy.demo.function import NAME
from deploy.demo.people import ADMINISTRATORS, DEVELOPER
from deploy.demo.story import Story
from deploy.demo.tools import write_tools
from deploy.errors import DeployError
from deploy.marketplace.running import Marketplace, Progress
from portal.environment import SettingError

_ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for the end."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--once", is_flag=True, help="Stop after one call; the last line is one JSON object.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=_ROOT / "var" / "quickstart",
    help="Directory with everything that is kept. [default: var/quickstart]",
)
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--port-base", type=click.IntRange(1024, 65_000), help="First of the ports. [default: free ones]")
def main(*, once: bool, data: Path, database: str, port_base: int | None) -> None:
    """Start a marketplace on this machine, call its demo function, and serve until Ctrl-C."""
    begun = time.monotonic()

    def progress(text: str) -> None:
        click.echo(f"[{time.monotonic() - begun:5.1f} s] {text}", err=once)

    try:
        with _stoppable(), Marketplace(data, database=database, port_base=port_base) as market:
            _run(market, progress=progress, begun=begun, once=once)
    except Stopped:
        click.echo("stopped", err=True)
    except (DeployError, SettingError) as error:
        text = error.explained() if isinstance(error, DeployError) else str(error)
        click.echo(f"quickstart: {text}", err=True)
        sys.exit(1)


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
        click.echo(json.dumps(report.plain()))
        return
    _show_ways_in(market, progress)
    progress("Ctrl-C stops it")
    _serve(market)


def _show_ways_in(market: Marketplace, progress: Progress) -> None:
    ca_file = market.servers.tls.ca_file
    manage, agent = write_tools(market)
    progress(f"portal    {market.portal_url} (sign-in: {market.layout.credentials}; authority: {ca_file})")
    progress(
        f"function  curl --cacert {ca_file} --data 'one two three' {market.functions_url}/f/{DEVELOPER.name}/{NAME}"
    )
    progress(f"top-up    {manage} top_up <name> <credits> --reference <payment>")
    progress(f"machine   {agent} enroll {market.portal_url} <code> --home <directory>, then run --home <directory>")


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
    main()

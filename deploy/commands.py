"""How the project's commands are alike: their help, their progress, and how they end when something is wrong.

A usage error ends with status 2, a failure with status 1 and a sentence on standard error.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from deploy.errors import DeployError
from deploy.paths import FABRIC_BINARIES
from deploy.servers.supervisor import Supervisor
from fabric_client.errors import FabricError
from wire.http.portal import PortalFailed

F = TypeVar("F", bound=Callable[..., Any])
SETTINGS: Mapping[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_STARTED = time.monotonic()


class OperatorCommand(click.Command):
    """A command that ends with a sentence where something expected is wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except DeployError as error:
            raise click.ClickException(error.explained()) from error
        except (FabricError, PortalFailed) as error:
            raise click.ClickException(str(error)) from error


class Commands(OperatorCommand, click.Group):
    """A group of such commands."""


def say(words: str, *, err: bool = False) -> None:
    """Show progress, with the seconds since the start."""
    click.echo(f"[{time.monotonic() - _STARTED:5.1f} s] {words}", err=err)


def directory_option(name: str, default: Path | None, text: str) -> Callable[[F], F]:
    """Return an option that names a directory."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(name, type=kind, default=default, show_default=default is not None, help=text)


binaries_option = directory_option("--binaries", FABRIC_BINARIES, "Where Fabric's programs lie once they are built.")
every_option = click.option("--every", default=1.0, show_default=True, help="Seconds between two looks.")
lines_option = click.option("--lines", default=200, show_default=True)


def show_log(processes: Supervisor, name: str, lines: int) -> None:
    """Show the end of a process's log.

    :raises DeployError: when there is none; the message has the names.
    """
    log = processes.log(name)
    if not log.exists():
        known = ", ".join(sorted(path.stem for path in log.parent.glob("*.log"))) or "none"
        raise DeployError(f"there is no log of {name}; there are: {known}")
    click.echo("\n".join(log.read_text(errors="replace").splitlines()[-lines:]))

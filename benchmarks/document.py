"""What a measurement is told with: JSON, and its table in docs/performance.md."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.summary import Machine

F = TypeVar("F", bound=Callable[..., Any])
_DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def reporting(command: F) -> F:
    """Give a command the options by which a measurement is told."""
    command = click.option("--write", is_flag=True, help="Put the table into docs/performance.md.")(command)
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")(
        command
    )


def say(words: str) -> None:
    """Show progress."""
    click.echo(words, err=True)


def report(name: str, found: Mapping[str, Any], text: str, *, as_json: bool, write: bool) -> None:
    """Tell a measurement as JSON, and put its table between its marks; what people wrote around it stays."""
    if write:
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = _DOCUMENT.read_text().partition(begin)
        _, _, after = rest.partition(end)
        _DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{after}")
    click.echo(json.dumps(found, indent=None if as_json else 2))


def today() -> str:
    """Return the date of a measurement."""
    return datetime.now(UTC).date().isoformat()


def conditions(at: str, on: Machine, *more: str) -> str:
    """Return when, on what and how a measurement was made."""
    machine = (
        f"{on.processors} processors {on.processor}, {on.memory_gib} GiB, Linux {on.kernel}; "
        f"load before {on.load_before}, steal {on.steal_percent} %"
    )
    return f"{at}: {'; '.join([machine, *more])}."

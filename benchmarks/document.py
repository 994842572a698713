"""Puts measurements into docs/performance.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
_MEASURES = {
    "request_to_result": "request → result",
    "finish_to_paid": "finish → paid",
    "docker_run": "bare `docker run`",
}


def write_table(name: str, text: str) -> None:
    """Replace the table between the marks of a measurement; what people wrote around it stays."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = _DOCUMENT.read_text().partition(begin)
    _, _, after = rest.partition(end)
    _DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def table(outcome: Mapping[str, Any]) -> str:
    """Return a measurement as Markdown."""
    found = outcome["machine"]
    machine = (
        f"{outcome['at']}: {found['processors']} processors {found['processor']}, {found['memory_gib']} GiB, "
        f"Linux {found['kernel']}; load before {found['load_before']}, steal {found['steal_percent']} %. "
        f"The whole measurement took {outcome['seconds']:.0f} s."
    )
    lines = [
        machine,
        "",
        "| callers | what | n | median ms | 90 % ms | 99 % ms |",
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in outcome["rows"]:
        for name, title in _MEASURES.items():
            took = row[name]
            lines.append(
                f"| {row['callers']} | {title} | {took['count']} "
                f"| {took['median']:.0f} | {took['p90']:.0f} | {took['p99']:.0f} |"
            )
    return "\n".join(lines)

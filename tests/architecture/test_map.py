"""The map that newcomers read has every room, and the import rules as they are checked."""

import re
import tomllib
from typing import Any

from tests.architecture.sources import ROOT, listed

_CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def _rooms() -> set[str]:
    """Return the packages at the top, and the portal's apps."""
    packages = {path.relative_to(ROOT).parts[:-1] for path in listed("*/__init__.py")}
    top = {parts[0] for parts in packages} - {"tests"}
    return {f"{name}/" for name in top} | {
        f"portal/{parts[1]}/" for parts in packages if parts[0] == "portal" and len(parts) > 1
    }


def test_every_room_is_on_both_maps() -> None:
    rooms = _rooms()
    architecture = (ROOT / "docs/architecture.md").read_text().partition("\n## Rooms\n")[2].partition("\n## ")[0]
    contributing = (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Where things are\n")[2].partition("\n## ")[0]

    assert {"wire/", "portal/", "portal/outbox/"} <= rooms
    for page in (architecture, contributing):
        rows = set(re.findall(r"^\| `([\w/]+)`", page, re.MULTILINE))
        assert rooms - {"portal/"} - rows == set()


def test_the_architecture_shows_the_import_rules_that_are_checked() -> None:
    section = (ROOT / "docs/architecture.md").read_text().partition("\n## Who may import whom\n")[2]
    shown = [block.split("\n") for block in re.findall(r"^```\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)]
    checked = [contract["layers"] for contract in _CONTRACTS if contract["type"] == "layers"]

    assert len(checked) > 1
    assert shown[: len(checked)] == checked

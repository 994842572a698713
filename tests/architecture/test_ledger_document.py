"""`docs/ledger.md` names every operation, state and event; `docs/attacks.md` names tests that there are."""

import re
from pathlib import Path

from chaincode.contracts.execution.registered import TRANSACTIONS
from wire.ledger import events
from wire.ledger.states import JobRecordState

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/ledger.md").read_text()
ATTACKS = (ROOT / "docs/attacks.md").read_text()
NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")


def _section(heading: str) -> str:
    found = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert found, heading
    return found


def test_every_operation_has_a_row_and_no_other_has() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", _section("Operations"), re.MULTILINE)

    assert sorted(kind for row in rows for kind in re.findall(r"`([^`]+)`", row)) == sorted(TRANSACTIONS)


def test_every_state_of_a_job_is_in_its_picture() -> None:
    picture = _section("A job").partition("```\n")[2].partition("```")[0]

    assert [state for state in JobRecordState if not re.search(rf"\b{state}\b", picture)] == []


def test_every_event_is_documented() -> None:
    named = {value for value in vars(events).values() if isinstance(value, str) and value.endswith(".v1")}

    assert len(named) > 10
    assert [name for name in sorted(named) if f"`{name}`" not in _section("Events")] == []


def test_every_attack_names_tests_that_there_are() -> None:
    there_are = {
        (path.stem, name)
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }

    assert len(NAMED.findall(ATTACKS)) > 40
    assert [name for name in NAMED.findall(ATTACKS) if name not in there_are] == []
    assert [row for row in ATTACKS.splitlines() if row.startswith("| ") and "::" not in row and "---" not in row] == [
        row for row in ATTACKS.splitlines() if row.endswith("| test |")
    ]

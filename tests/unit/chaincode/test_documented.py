"""`docs/ledger.md` names every operation, every state and every event."""

import re
from pathlib import Path

from chaincode.contracts.execution.registered import TRANSACTIONS
from chaincode.contracts.records import JobState

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/ledger.md").read_text()
EMITTED = re.compile(r'"([a-z]+\.[a-z]+\.v1)"')


def test_every_operation_is_documented() -> None:
    assert [kind for kind in TRANSACTIONS if f"`{kind}`" not in TEXT] == []


def test_every_state_of_a_job_is_documented() -> None:
    assert [state for state in JobState if state not in TEXT] == []


def test_every_event_is_documented() -> None:
    sources = (ROOT / "chaincode/contracts").rglob("*.py")
    named = {name for source in sources for name in EMITTED.findall(source.read_text())}

    assert len(named) > 10
    assert [name for name in sorted(named) if f"`{name}`" not in TEXT] == []

"""What the code can say and be told is written down."""

import re
from enum import StrEnum

import pytest

from chaincode.blocks import OperationStatus
from portal.accounts.models import Role, RoleState
from portal.environment import SETTINGS
from portal.functions.models import FunctionState
from portal.ledger.models import OutboxState
from portal.providers.models import ProviderState
from scheduler.states import InvocationState, JobState
from tests.architecture.sources import ROOT, sources
from wire.envelope import KINDS
from wire.outcomes import ExitState, RefusalReason
from wire.problems import PROBLEMS, Reason

#: A word that this project does not use, and the one that it does (docs/glossary.md).
OTHER_WORDS = {
    "serverless function": "function",
    "bounty": "ticket",
    "wallet": "account",
    "worker node": "provider",
    "compute node": "provider",
    "smart contract": "contract",
    "order id": "job id",
}


def _document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def _sections(text: str) -> set[str]:
    """Return what stands in code letters in a heading or at the beginning of a table's row."""
    return set(re.findall(r"^(?:#+ |\| )`([^`]+)`", text, re.MULTILINE))


def test_every_setting_is_documented_and_no_other() -> None:
    assert {name for name in _sections(_document("settings.md")) if name.startswith("CHAINFAAS_")} == set(SETTINGS)


def test_the_documented_default_of_a_setting_is_its_default() -> None:
    text = _document("settings.md")
    for setting in SETTINGS.values():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{setting.name}`"))
        shown = {None: "must be set", "": "empty"}.get(setting.default, f"`{setting.default}`")
        assert row.split("|")[2].strip() == shown, setting.name


def test_every_message_kind_is_documented_and_no_other() -> None:
    assert _sections(_document("messages.md")) == set(KINDS)


def test_every_reason_is_documented_with_its_status() -> None:
    text = _document("errors.md")
    for reason in Reason:
        row = next((line for line in text.splitlines() if line.startswith(f"| `{reason.value}`")), "")
        assert row, f"{reason} is not in docs/errors.md"
        assert f"| {PROBLEMS[reason].http_status} |" in row, reason


@pytest.mark.parametrize("words", [ExitState, RefusalReason])
def test_every_outcome_is_documented(words: type[StrEnum]) -> None:
    assert {item.value for item in words} - _sections(_document("errors.md")) == set()


@pytest.mark.parametrize(
    "states", [InvocationState, JobState, FunctionState, ProviderState, RoleState, OutboxState, OperationStatus]
)
def test_every_state_is_documented(states: type[StrEnum]) -> None:
    text = (_document("states.md") + _document("messages.md")).lower()

    assert [item.value for item in states if not re.search(rf"\b{item.value}\b", text)] == []


def test_every_role_is_in_the_glossary() -> None:
    glossary = _document("glossary.md").lower()

    assert [role.value for role in Role if role.value not in glossary] == []


def test_one_word_stands_for_one_thing() -> None:
    texts = {path.name: path.read_text() for path in [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]}
    texts |= {source.name: source.text for source in sources() if "test_documents" not in source.name}
    wrong = [
        f"{name}: say {right!r}, not {word!r}"
        for name, text in texts.items()
        for word, right in OTHER_WORDS.items()
        if word in text.lower()
    ]

    assert wrong == []

"""What the code can say and be told is written down."""

import re
from datetime import timedelta
from enum import StrEnum

import pytest

from portal.accounts.models import Role, RoleState
from portal.accounts.throttle import BOUNDS
from portal.environment import SETTINGS
from portal.functions.models import FunctionState
from portal.governance.models import RequestState
from portal.outbox.models import OutboxState
from portal.providers.models import ProviderState
from scheduler.states import InvocationState, JobState
from tests.architecture.sources import ROOT, sources
from wire.envelope import KINDS
from wire.ledger import states
from wire.ledger.blocks import OperationStatus
from wire.ledger.refusals import RETRYABLE, SENTENCES
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason

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
        assert f"| {reason.http_status} |" in row, reason


@pytest.mark.parametrize("words", [ExitState, RefusalReason])
def test_every_outcome_is_documented(words: type[StrEnum]) -> None:
    assert {item.value for item in words} - _sections(_document("errors.md")) == set()


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("Function", FunctionState),
        ("Provider", ProviderState),
        ("Role grant", RoleState),
        ("Invocation", InvocationState),
        ("Job (in the controller's database)", JobState),
        ("Outbox operation", OutboxState),
        ("Request to both organisations", RequestState),
    ],
)
def test_every_state_is_in_the_picture_under_its_heading(heading: str, states: type[StrEnum]) -> None:
    picture = _document("states.md").partition(f"\n## {heading}\n\n```\n")[2].partition("\n```\n")[0]

    assert [item.value for item in states if not re.search(rf"\b{item.value}\b", picture)] == []


def test_every_answer_of_the_ledger_is_documented() -> None:
    (sentence,) = re.findall(r"For each the ledger answers .*", _document("messages.md"))

    assert re.findall(r"\*(\w+)\*", sentence) == [status.value for status in OperationStatus]


def test_every_state_of_a_job_on_the_ledger_is_documented_under_the_ledgers_picture() -> None:
    section = _document("states.md").partition("## Job (on the ledger)")[2].partition("\n## ")[0]
    picture = _document("ledger.md").partition("## A job\n\n")[2].partition("\n\n-")[0]

    assert picture in section
    assert set(re.findall(r"^- \*\*(\w+)\*\*", section, re.MULTILINE)) == {
        state.value for state in states.JobRecordState
    }
    assert [state.value for state in states.JobRecordState if not re.search(rf"\b{state.value}\b", picture)] == []


def test_every_refusal_of_the_contracts_is_documented_with_its_sentence() -> None:
    section = _document("errors.md").partition("## Why the ledger refuses an operation")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `.*\|$", section, re.MULTILINE)

    assert rows == [
        f"| `{code.value}` | {'yes' if code in RETRYABLE else 'no'} | {sentence} |"
        for code, sentence in SENTENCES.items()
    ]


def test_every_throttle_is_documented_with_its_bound() -> None:
    section = _document("errors.md").partition("## How often what may be done")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `.*\|$", section, re.MULTILINE) == [
        f"| `{attempt}` | {bound.attempts} | {bound.window // timedelta(minutes=1)} min | {bound.by} |"
        for attempt, bound in BOUNDS.items()
    ]


def _pages() -> str:
    """Return all words of the portal's pages and forms, without tags."""
    templates = " ".join(path.read_text() for path in (ROOT / "portal/web/templates").rglob("*.html"))
    forms = " ".join(path.read_text() for path in (ROOT / "portal/web/forms").glob("*.py"))
    return re.sub(r"<[^>{}]*>|\s+", " ", templates) + templates + forms


def test_what_the_readme_calls_a_page_or_a_button_is_called_so_there() -> None:
    steps = _readme("## Five minutes to a paid job")
    labels = re.findall(r"\*\*([^*]+)\*\*", steps)
    pages = _pages()

    assert len(labels) > 10
    assert [label for label in labels if label not in pages] == []


def test_the_files_and_commands_that_the_readme_names_exist() -> None:
    text = _readme("")
    tools = (ROOT / "deploy/demo/tools.py").read_text()
    agent = (ROOT / "docs/agent.md").read_text()

    assert [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (ROOT / link).exists()] == []
    assert [
        name for name in re.findall(r"var/quickstart/([a-z-]+)", text) if f'directory / "{name}"' not in tools
    ] == []
    assert [name for name in re.findall(r"chainfaas-agent ([a-z]+)", text) if f"| `{name}" not in agent] == []
    assert list((ROOT / "portal").glob("*/management/commands/top_up.py"))
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in text]
    assert missing == []


def _readme(heading: str) -> str:
    text = (ROOT / "README.md").read_text()
    return text.partition(heading)[2].partition("\n## ")[0] if heading else text


def test_every_role_is_in_the_glossary() -> None:
    section = _document("glossary.md").partition("## People and machines")[2].partition("\n## ")[0]
    meanings = dict(re.findall(r"^\| (\w+) \| (.*) \|$", section, re.MULTILINE))

    assert ", ".join(role.value for role in Role) in meanings["Role"]
    assert [role.value for role in Role if role.value.capitalize() not in meanings] == []


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

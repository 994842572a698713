"""What the ledger calls its keys, events and operations is spelt in `wire/ledger` alone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "wire",
    "fabric_client",
    "chaincode",
    "ledger",
    "scheduler",
    "provider_agent",
    "portal",
    "deploy",
    "peer_operator",
)
_SUBJECTS = (
    "account|attestation|deposit|delta|epoch|fees|invocation|job|key|notice|operator|payout|proposal|provider|version"
)


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a key", rf'"({_SUBJECTS})~|(split|partition)\("~"'),
        ("an event", rf'"({_SUBJECTS})\.[a-z{{}}._]+\.v[0-9]'),
        ("an operation's id", rf'"({_SUBJECTS})\.[a-z_]+:'),
    ],
)
def test_a_word_of_the_ledger_s_is_spelt_in_one_place(what: str, pattern: str) -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    elsewhere = [path for path in modules if path.parent != ROOT / "wire" / "ledger"]

    assert [str(path.relative_to(ROOT)) for path in elsewhere if re.search(pattern, path.read_text())] == [], what

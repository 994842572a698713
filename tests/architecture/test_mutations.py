"""The rules that `tests/mutations` breaks are written as it says: a break that breaks nothing shows nothing."""

from tests.architecture.sources import ROOT
from tests.mutations.ledger_rules import MUTATIONS


def test_each_mutation_breaks_what_is_there_once() -> None:
    assert len(MUTATIONS) >= 90
    assert [item.rule for item in MUTATIONS if (ROOT / item.file).read_text().count(item.old) != 1] == []

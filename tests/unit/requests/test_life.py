"""The moves of a request are those that docs/states.md names."""

import re
from itertools import pairwise, product
from pathlib import Path

from portal.governance.life import Move
from portal.governance.models import RequestState

STATES = Path(__file__).parents[3] / "docs" / "states.md"


def arrows_of_document() -> set[tuple[str, str]]:
    section = STATES.read_text().partition("## Request to both organisations")[2].partition("\n## ")[0]
    chains = [
        [part.split(", ") for part in bold.removeprefix("→ ").split(" → ")]
        for bold in re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)
    ]
    return {arrow for chain in chains for old, new in pairwise(chain) for arrow in product(old, new)}


def test_each_move_of_a_request_is_an_arrow_of_the_document_and_each_arrow_a_move() -> None:
    moves = {
        (old.value, arrow.new.value) for move in Move for arrow in move.value for old in arrow.old if old != arrow.new
    }

    assert moves == arrows_of_document()


def test_what_is_done_or_refused_never_moves_again() -> None:
    ends = {RequestState.DONE, RequestState.REFUSED}

    assert not any(ends.intersection(arrow.old) for move in Move for arrow in move.value)

"""Every peer comes to the same outcome: nothing depends on hash seeds, stack depth, or Python's own words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ledger import KEYS, World

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
from chaincode.contracts.execution.registered import TRANSACTIONS
from tests.support.ledger import KEYS, World, marketplace
import json
world = marketplace()
for kind in TRANSACTIONS:
    for value in ("", "x", 1, None, ["x"]):
        plain = dict.fromkeys(TRANSACTIONS[kind].arguments.__slots__, value)
        text = json.dumps({"operation_id": f"{kind}:1", "kind": kind, "arguments": plain})
        for key in (KEYS.controller, KEYS.custody, KEYS.ours, KEYS.alice):
            print([(result.reason, result.detail) for result in world.run(text, by=key)])
"""


def test_outcomes_do_not_depend_on_the_hash_seed() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(told) == 1
    assert len(told.pop().splitlines()) > 100


@pytest.mark.parametrize("levels", [31, 32, 33, 200, 900, 990, 5_000])
def test_nesting_is_bounded_by_a_number_not_by_the_stack(world: World, levels: int) -> None:
    nested = "[" * (levels - 2) + "]" * (levels - 2)
    text = (
        f'{{"arguments":{{"job_id":"x","ignored":{nested}}},"kind":"job.supersede","operation_id":"job.supersede:1"}}'
    )

    def deeper(depth: int) -> str:
        return deeper(depth - 1) if depth else world.send(text)

    assert deeper(0) == deeper(300) == ("unknown_job" if levels <= 32 else "malformed")


def test_brackets_in_text_are_no_nesting(world: World) -> None:
    text = '{"arguments":{"job_id":"%s"},"kind":"job.supersede","operation_id":"job.supersede:1"}' % ("[" * 70)

    (result,) = world.run(text)

    assert result.detail.startswith("job_id: ")


def test_pythons_own_words_are_in_no_outcome(world: World) -> None:
    (result,) = world.run('{"kind": nonsense', by=KEYS.controller)

    assert result.detail == "not JSON"

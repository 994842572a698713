"""Each rule of the ledger is guarded: broken on purpose, a test fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.ledger_rules import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("chaincode", "ledger", "wire", "tests/support", "tests/unit/chaincode")
PYTEST = ("-q", "-x", "--import-mode=importlib", "-c", "pytest.ini", "-p", "no:django", "-p", "no:cacheprovider")


def copy_of_the_ledger(target: Path) -> Path:
    for name in COPIED:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "test_machine.py"))
    (target / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    return target


def run_tests(root: Path, test: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "pytest", *PYTEST, test]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_the_tests_pass_where_nothing_is_broken(tmp_path: Path) -> None:
    outcome = run_tests(copy_of_the_ledger(tmp_path), "tests/unit/chaincode")

    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.long
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule.replace(" ", "-"))
def test_a_broken_rule_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    root = copy_of_the_ledger(tmp_path)
    source = (root / mutation.file).read_text()
    (root / mutation.file).write_text(source.replace(mutation.old, mutation.new))

    outcome = run_tests(root, mutation.caught_by)

    # 1: a test failed. Anything else would mean that the broken code cannot even be run.
    assert outcome.returncode == 1, outcome.stdout[-2000:]
    assert "error" not in outcome.stdout.splitlines()[-1], outcome.stdout[-2000:]

"""The README's first command: from nothing, a second time, and after everything was killed."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.demo.function import expected_answer
from deploy.demo.story import INPUT
from deploy.servers.marks import marked_processes
from tests.acceptance.conftest import Towns
from tests.acceptance.town import Town
from tests.architecture.sources import ROOT
from tests.support.waiting import wait_for
from wire.http.portal import tls_context
from wire.signing import sha256_hex

_KEYS = {
    "result_sha256",
    "job_id",
    "run_ms",
    "cost_micro",
    "balances_before",
    "balances_after",
    "verify",
    "drift_micro",
    "ledger",
    "times_ms",
    "seconds",
}
_QUICKSTART = ROOT / "deploy" / "quickstart"


#: On Fabric each start takes longer, and the town of the other journeys has shown the first one.
_BOTH = pytest.mark.parametrize("ledger", ["embedded", pytest.param("fabric", marks=pytest.mark.long)], indirect=True)


@pytest.fixture(scope="module")
def data(towns: Towns, ledger: str) -> Iterator[Path]:  # noqa: ARG001 - one directory for each
    """The directory of one quickstart; its path has to be short."""
    towns.none()
    with tempfile.TemporaryDirectory(prefix="chainfaas-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def _once(data: Path, ledger: str) -> dict[str, Any]:
    done = subprocess.run(
        [_QUICKSTART, "--once", "--data", data, "--ledger", ledger],
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert set(report) == _KEYS
    assert report["result_sha256"] == sha256_hex(expected_answer(INPUT))
    assert report["verify"] is True
    assert report["drift_micro"] == 0
    assert report["ledger"]["kind"] == ledger
    assert _processes(data) == []
    return report


def _processes(data: Path) -> list[int]:
    """Return the ids of all that runs in a marketplace's directory, its Fabric network included."""
    return [*marked_processes(data), *marked_processes(data / "fabric")]


def _kill(processes: list[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@_BOTH
@pytest.mark.timeout(300)
def test_it_works_from_nothing_and_again_with_what_it_kept(data: Path, ledger: str) -> None:
    first = _once(data, ledger)
    second = _once(data, ledger)

    assert second["job_id"] != first["job_id"]
    assert second["balances_before"] == first["balances_after"]


@_BOTH
@pytest.mark.timeout(300)
def test_it_works_after_everything_was_killed_and_serves_until_it_is_told_to_stop(data: Path, ledger: str) -> None:
    with _serving(data, ledger) as running:
        _kill([running.pid, *_processes(data)])

    with _serving(data, ledger) as again:
        ports = json.loads((data / "ports.json").read_text())
        verify = tls_context(data / "tls" / "ca.crt")
        page = httpx.get(f"https://localhost:{ports['portal']}/", verify=verify, timeout=60)
        again.send_signal(signal.SIGINT)
        status = again.wait(120)

    assert page.status_code == httpx.codes.OK
    assert status == 0
    assert _processes(data) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("ledger", ["fabric"], indirect=True)
def test_on_fabric_it_goes_on_with_a_marketplace_whose_every_process_was_killed(
    town: Town, towns: Towns, ledger: str
) -> None:
    data, before = town.market.layout.directory, town.balances()["platform"]["available_micro"]
    _kill(_processes(data))
    towns.none()

    report = _once(data, ledger)

    # More when a call of before was still on its way to the ledger.
    assert report["balances_before"]["platform"]["available_micro"] >= before


@_BOTH
def test_what_people_sign_in_with_is_for_its_owners_eyes_and_in_no_log(data: Path) -> None:
    credentials = data / "credentials.json"
    passwords = [account["password"] for account in json.loads(credentials.read_text())["accounts"]]

    assert credentials.stat().st_mode & 0o077 == 0
    secrets = [*passwords, *(path.read_text() for path in (data / "secrets").iterdir())]
    for log in (data / "logs").iterdir():
        text = log.read_text(errors="replace")
        assert [secret for secret in secrets if secret in text] == [], log.name


def _serving(data: Path, ledger: str) -> "subprocess.Popen[str]":
    log = data / "quickstart.out"
    with log.open("w") as output:
        running = subprocess.Popen(
            [_QUICKSTART, "--data", data, "--ledger", ledger], stdout=output, stderr=output, text=True
        )
    wait_for("the quickstart to serve", lambda: running.poll() is not None or "Ctrl-C" in log.read_text(), 120)
    assert running.poll() is None, log.read_text()[-3000:]
    return running

"""Top-up and payout from the API to the ledger: portal, ledger and one process for each signer, as users run them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.servers.ports import free_ports
from portal.governance.signers.signer import SIGNERS
from portal.keys import KeyName
from tests.support.outbox.ledger_process import ROOT, LedgerInstallation
from tests.support.waiting import wait_for

CREDIT = 1_000_000
MAKE_PEOPLE = """
from django.utils import timezone
from portal.accounts import operations as accounts
from portal.accounts.models import Organisation
password, now = "correct horse battery staple", timezone.now()
def token(account):
    print(account.username, accounts.make_token(account, name="test", now=now).text)
token(accounts.make_administrator("ada", email="ada@example.org", password=password))
token(accounts.make_administrator("pia", email="pia@example.org", password=password, organisation=Organisation.PEERS))
dora = accounts.Newcomer(
    username="dora", email="dora@example.org", password=password, roles=["developer"], address="192.0.2.1"
)
token(accounts.sign_up(dora, now=now))
"""


@pytest.fixture
def installation(tmp_path: Path) -> LedgerInstallation:
    return LedgerInstallation.make(tmp_path, database_url=f"sqlite:///{tmp_path / 'portal.sqlite3'}")


@contextmanager
def process(installation: LedgerInstallation, name: str, *command: str, **settings: str) -> Iterator[Path]:
    """Run a management command until the end of the block; yields its log."""
    log = installation.directory / f"{name}.log"
    with log.open("wb") as stream:
        running = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env={**installation.environment, **settings},
            stdout=stream,
            stderr=stream,
        )
    try:
        yield log
    finally:
        running.terminate()
        running.wait(timeout=60)


def keys_of(installation: LedgerInstallation, name: str) -> str:
    """Return a keys directory that holds one signer's key and nothing else."""
    directory = installation.directory / f"keys-of-{name}"
    directory.mkdir(mode=0o700)
    whole = Path(installation.environment["CHAINFAAS_KEYS_DIR"])
    (whole / SIGNERS[name]).rename(directory / SIGNERS[name])
    return str(directory)


def is_well(url: str) -> bool:
    try:
        return httpx.get(url, timeout=20, headers={"Host": "localhost"}).status_code < 500
    except httpx.TransportError:
        return False


@pytest.fixture
def api(installation: LedgerInstallation) -> Iterator[Callable[..., Any]]:
    """Ask the API as somebody; all processes run, each with its own keys."""
    printed = installation.manage("shell", "--command", MAKE_PEOPLE).stdout
    tokens = dict(line.split() for line in printed.splitlines() if " cf_" in line)
    ports = free_ports(len(SIGNERS) + 1)
    urls = {name: f"127.0.0.1:{port}" for name, port in zip([*SIGNERS, "portal"], ports, strict=True)}
    with ExitStack() as running:
        for name in SIGNERS:
            settings = {"CHAINFAAS_KEYS_DIR": keys_of(installation, name), "CHAINFAAS_SIGNER_HTTP": urls[name]}
            running.enter_context(process(installation, name, "run_signer", name, **settings))
        running.enter_context(process(installation, "portal", "runserver", "--noreload", urls["portal"]))
        ledger = running.enter_context(installation.ledger_process())
        ledger.wait_well()
        for name in SIGNERS:
            wait_for(f"the signer {name}", partial(is_well, f"http://{urls[name]}/healthz"), 60)
        wait_for("the portal", lambda: is_well(f"http://{urls['portal']}/api/v1/openapi.json"), 60)

        def ask(person: str, method: str, path: str, body: Any = None) -> Any:
            headers = {"Authorization": f"Bearer {tokens[person]}", "Host": "localhost"}
            url = f"http://{urls['portal']}/api/v1/{path}"
            answer = httpx.request(method, url, json=body, headers=headers, timeout=60)
            assert answer.is_success, (path, answer.status_code, answer.text)
            return answer.json()

        yield ask


def decide(api: Callable[..., Any], request_id: str, reference: str) -> None:
    for administrator in ("ada", "pia"):
        found = next(item for item in api(administrator, "GET", "requests")["results"] if item["id"] == request_id)
        body = {"digest": found["digest"], "reference": reference}
        api(administrator, "POST", f"requests/{request_id}/approval", body)


def wait_done(api: Callable[..., Any], request_id: str, state: str = "done") -> Any:
    def ended() -> Any:
        found = api("dora", "GET", f"account/requests/{request_id}")
        return found if found["ended_at"] else None

    found = wait_for("the ledger's answer", ended, 60)
    assert found["state"] == state, found
    return found


@pytest.mark.timeout(180)
def test_a_top_up_and_a_payout_go_from_the_api_to_the_ledger_and_back(
    installation: LedgerInstallation, api: Callable[..., Any]
) -> None:
    # The portal and the ledger's process have neither the treasury's nor an authority's key.
    left = {path.name for path in Path(installation.environment["CHAINFAAS_KEYS_DIR"]).iterdir()}
    assert left.isdisjoint(SIGNERS.values())
    assert KeyName.CUSTODY in left

    order = {"kind": "top_up", "amount_micro": 10 * CREDIT, "note": "bank transfer", "request_id": str(uuid4())}
    top_up = api("dora", "POST", "account/requests", order)
    assert api("dora", "POST", "account/requests", order) == top_up
    decide(api, top_up["id"], "bank-1")
    wait_done(api, top_up["id"])
    assert api("dora", "GET", "account/balance")["available_micro"] == 10 * CREDIT

    payout = api("dora", "POST", "account/requests", order | {"kind": "payout", "request_id": str(uuid4())})
    wait_for("the hold", lambda: api("dora", "GET", "account/balance")["held_micro"] == 10 * CREDIT, 60)
    decide(api, payout["id"], "bank-2")
    wait_done(api, payout["id"])
    balance = api("dora", "GET", "account/balance")
    assert (balance["available_micro"], balance["held_micro"]) == (0, 0)

    refused = api("ada", "POST", "mints", {"username": "dora", "amount_micro": 1, "reference": "bank-3"})
    api("pia", "POST", f"requests/{refused['id']}/refusal", {"reason": "never paid"})
    assert wait_done(api, refused["id"], "refused")["reason"] == "never paid"

    fees = api("ada", "POST", "fees", {"platform_ppm": 1000, "peers_ppm": 2000})
    api("pia", "POST", f"requests/{fees['id']}/approval", {"digest": fees["digest"]})
    wait_for("the fees", lambda: api("dora", "GET", "fees")[0]["platform_ppm"] == 1000, 60)

    kinds = [line["kind"] for line in api("dora", "GET", "account/statement")]
    assert kinds == ["paid_out", "payout_asked", "minted"]
    found = installation.answer("reconcile")
    assert (found["clean"], found["drift_micro"]) == (True, 0)
    assert installation.answer("verify")["blocks"] > 1


def test_a_signer_without_its_key_says_so(installation: LedgerInstallation) -> None:
    (Path(installation.environment["CHAINFAAS_KEYS_DIR"]) / KeyName.TREASURY).unlink()

    assert "treasury.pem is missing" in installation.manage("run_signer", "treasury", status=1).stderr
    assert "invalid choice" in installation.manage("run_signer", "root", status=2).stderr

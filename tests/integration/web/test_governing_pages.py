"""Keys and mismatches by hand: shown, proposed, approved by the other organisation, and only then done."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from portal.accounts.models import Account
from portal.books.models import LedgerJob
from portal.governance import pinned_keys
from portal.governance.models import GovernedRequest, RequestState
from portal.providers.models import Provider
from tests.integration.web.conftest import Browser
from tests.support.outbox.bank import Bank
from tests.support.people import People
from wire.codec import to_plain
from wire.signing import SigningKey


@pytest.fixture
def ada(browser: Callable[[Account], Browser], people: People) -> Browser:
    return browser(people.administrator)


@pytest.fixture
def pia(browser: Callable[[Account], Browser], people: People) -> Browser:
    return browser(people.peers_administrator)


def approve(administrator: Browser, request: GovernedRequest) -> None:
    shown = {"digest": GovernedRequest.objects.get(id=request.id).digest}
    assert administrator.post(f"/administration/requests/{request.id}/approve", **shown).status_code == 302


def pin_order(**changes: str) -> dict[str, str]:
    pem = SigningKey.generate().public.pem
    plain = {"role": "treasury", "holder": "", "public_key_pem": pem, "note": "second <treasurer>"}
    return {**plain, "move_id": str(uuid4()), **changes}


def test_a_key_is_pinned_and_the_old_one_ended_by_hand(bank: Bank, ada: Browser, pia: Browser) -> None:
    (old,) = [key.key_id for key in pinned_keys.keys_of_roles() if key.role == "treasury"]
    assert "the last one" in ada.text("/administration/keys")

    assert "Proposed" in " ".join(ada.messages(ada.post("/administration/keys/pin", **pin_order())))
    request = GovernedRequest.objects.get()
    shown = pia.text("/administration/requests")
    key_id = to_plain(request.content)["key_id"]
    assert key_id in shown
    assert "second &lt;treasurer&gt;" in shown
    assert "by ada" in shown
    bank.sign()
    assert key_id not in ada.text("/administration/keys")
    approve(pia, request)
    bank.sign()
    assert key_id in ada.text("/administration/keys")

    order = {"key_id": old, "note": "lost", "move_id": str(uuid4())}
    assert old in pia.text(f"/administration/keys?end={old}")
    pia.post("/administration/keys/revoke", **order)
    approve(ada, GovernedRequest.objects.latest("asked_at"))
    bank.sign()

    assert old not in ada.text("/administration/keys")
    decided = ada.text("/administration/decided")
    assert "End of a key" in decided
    assert "pia (peers)" in decided
    assert "approved" in ada.text(f"/administration/requests/{request.id}")


def test_an_owner_s_lost_key_is_found_and_replaced_by_the_account_s_name(
    bank: Bank, people: People, ada: Browser
) -> None:
    lost = bank.owns(people.developer)
    assert lost.public.key_id in ada.text("/administration/keys?account=dora")
    assert "custody acts" in ada.text("/administration/keys?account=paul")
    assert "no account of this name" in ada.text("/administration/keys?account=nobody")

    ada.post("/administration/keys/pin", **pin_order(role="owner", holder="dora"))

    assert to_plain(GovernedRequest.objects.get().content)["holder"] == str(people.developer.id)


def test_receipts_of_a_machine_are_checked_with_the_key_that_was_pinned_for_it(
    bank: Bank, people: People, provider: Provider, ada: Browser, pia: Browser
) -> None:
    bank.settle()
    unknown = bank.market().provider_id
    assert str(provider.id) in ada.text("/administration/keys?account=paul")
    order = pin_order(role="provider", holder=str(provider.id))

    ada.post("/administration/keys/pin", **order)
    approve(pia, GovernedRequest.objects.get())
    bank.sign()

    provider.refresh_from_db()
    assert provider.signing_key_pem == order["public_key_pem"]
    assert provider.signing_key_id == to_plain(GovernedRequest.objects.get().content)["key_id"]

    # A key that another machine enrolled with meanwhile, and a machine that the portal does not know, stop nothing.
    taken = SigningKey.generate().public
    Provider.objects.create(
        owner=people.other_provider,
        name="cellar",
        signing_key_pem=taken.pem,
        signing_key_id=taken.key_id,
        sealing_key="0" * 64,
        queue_secret=uuid4().hex,
        enrolled_at=bank.clock(),
    )
    for order in (
        pin_order(role="provider", holder=str(provider.id), public_key_pem=taken.pem),
        pin_order(role="provider", holder=str(unknown)),
    ):
        ada.post("/administration/keys/pin", **order)
        approve(pia, GovernedRequest.objects.latest("asked_at"))
        bank.sign()
    assert set(GovernedRequest.objects.values_list("state", flat=True)) == {RequestState.DONE}
    assert Provider.objects.get(id=provider.id).signing_key_id == provider.signing_key_id


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"public_key_pem": "no key"}, "public_key_pem"),
        ({"public_key_pem": "x\x00"}, "public_key_pem"),
        ({"role": "emperor"}, "role"),
        ({"role": "authority", "holder": "third"}, "holder"),
        ({"role": "owner", "holder": "nobody"}, "holder"),
        ({"note": "two\nlines"}, "note"),
        ({"note": ""}, "note"),
    ],
)
@pytest.mark.usefixtures("bank")
def test_what_is_wrong_with_a_key_stands_beside_its_field(ada: Browser, changes: dict[str, str], field: str) -> None:
    response = ada.post("/administration/keys/pin", **pin_order(**changes))

    assert response.status_code == 422
    assert list(response.context["pin"].errors) == [field]
    assert not GovernedRequest.objects.exists()


def test_a_mismatch_is_shown_proposed_on_and_decided_by_hand(bank: Bank, ada: Browser, pia: Browser) -> None:
    assert "No job waits" in ada.text("/administration/mismatches")
    job_id = bank.mismatch()
    assert job_id in ada.text("/administration/mismatches")
    page = f"/administration/mismatches/{job_id}"
    shown = ada.text(page)
    for told in ("b" * 64, "12 credits", "11 credits", "The receipt as it was signed", "11000 ms"):
        assert told in shown
    order = {"what": "pay", "pay_ms": "11000", "reason": "the <log> shows it", "move_id": str(uuid4())}

    ada.post(f"{page}/decide", **order)
    bank.sign()
    assert LedgerJob.objects.get(id=job_id).state == "mismatch"
    waits = ada.text(page).partition("A decision waits")[2]
    assert "Pay 11000 ms" in waits
    assert "the &lt;log&gt; shows it" in waits
    assert "11 credits for 11000 ms" in pia.text("/administration/requests")
    approve(pia, GovernedRequest.objects.get())
    bank.sign()

    assert LedgerJob.objects.get(id=job_id).state == "settled"
    assert "No job waits" in ada.text("/administration/mismatches")
    assert "the &lt;log&gt; shows it" in ada.text(f"/ledger/jobs/{job_id}")
    assert ada.get(page).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pay_ms": "12001"}, "pay_ms"),
        ({"pay_ms": ""}, "pay_ms"),
        ({"pay_ms": "0"}, "pay_ms"),
        ({"pay_ms": "1.5"}, "pay_ms"),
        ({"what": ""}, "what"),
        ({"reason": ""}, "reason"),
    ],
)
def test_a_decision_that_makes_no_sense_is_told_so(
    bank: Bank, ada: Browser, changes: dict[str, str], field: str
) -> None:
    order = {"what": "pay", "pay_ms": "1", "reason": "x", "move_id": str(uuid4())}

    response = ada.post(f"/administration/mismatches/{bank.mismatch()}/decide", **order | changes)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_a_release_pays_nothing(bank: Bank, ada: Browser) -> None:
    job_id = bank.mismatch()
    order = {"what": "release", "pay_ms": "11000", "reason": "no output", "move_id": str(uuid4())}

    ada.post(f"/administration/mismatches/{job_id}/decide", **order)

    request = GovernedRequest.objects.get()
    assert (to_plain(request.content)["pay_ms"], request.state) == (0, RequestState.APPROVED_ONCE)
    assert "nothing is paid" in ada.text("/administration/requests")

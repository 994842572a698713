"""Keys are pinned and ended by administrators of both organisations, and by nobody else."""

from uuid import UUID, uuid4

import pytest

from portal.accounts.errors import AdministratorsOnly
from portal.accounts.models import Account
from portal.books import records
from portal.custody.ownership import own_key_of
from portal.errors import Invalid
from portal.governance import pinned_keys
from portal.governance.errors import ApprovedBefore, OwnMoney
from portal.governance.models import GovernedRequest, RequestState
from tests.support.outbox.bank import Bank
from tests.support.people import People
from wire.codec import to_plain
from wire.ledger import state_keys as places
from wire.ledger.operations import PinKey
from wire.ledger.records import PinnedKey
from wire.signing import SigningKey

pytestmark = pytest.mark.django_db


def new_key(role: str, holder: str = "", *, pem: str | None = None) -> PinKey:
    return PinKey(role=role, holder=holder, public_key_pem=SigningKey.generate().public.pem if pem is None else pem)


def pin(by: Account, wanted: PinKey, bank: Bank, request_id: UUID | None = None) -> GovernedRequest:
    note = "the machine was lost"
    return pinned_keys.propose_pin(by, pin=wanted, note=note, request_id=request_id or uuid4(), now=bank.clock())


def ids(role: str) -> list[str]:
    return [view.key_id for view in pinned_keys.keys_of_roles() if view.role == role]


def test_a_role_s_key_is_pinned_once_two_organisations_approved(bank: Bank, people: People) -> None:
    (before,) = ids("treasury")

    request = pin(people.administrator, new_key("treasury"), bank)
    bank.sign()
    assert (request.state, ids("treasury")) == (RequestState.APPROVED_ONCE, [before])
    with pytest.raises(ApprovedBefore):
        bank.approve(request, people.administrator)
    bank.approve(request, people.peers_administrator)
    bank.sign()

    request.refresh_from_db()
    assert request.state == RequestState.DONE
    assert ids("treasury") == [before, to_plain(request.content)["key_id"]]


def test_a_key_ends_once_two_organisations_approved(bank: Bank, people: People) -> None:
    pinned = pin(people.administrator, new_key("custody"), bank)
    bank.approve(pinned, people.peers_administrator)
    bank.sign()
    (old, new) = ids("custody")

    request = pinned_keys.propose_revocation(
        people.peers_administrator, key_id=old, note="stolen", request_id=uuid4(), now=bank.clock()
    )
    bank.approve(request, people.administrator)
    bank.sign()

    assert ids("custody") == [new]
    record = records.record(PinnedKey, places.key(old))
    assert record is not None
    assert record.revoked_at_ms == bank.clock.ms()


def test_a_lost_owner_s_and_a_lost_machine_s_key_are_replaced(bank: Bank, people: People) -> None:
    lost = bank.owns(people.developer)
    market = bank.market()
    wishes = [new_key("owner", str(people.developer.id)), new_key("provider", str(market.provider_id))]
    for wish in wishes:
        request = pin(people.administrator, wish, bank)
        assert request.account in {people.developer, people.provider}
        bank.approve(request, people.peers_administrator)
        bank.sign()
        request.refresh_from_db()
        assert request.state == RequestState.DONE, request.reason

    assert own_key_of(str(people.developer.id)) not in {None, lost.public.key_id}
    (owner_key,) = pinned_keys.keys_of(people.developer)
    assert owner_key.name == "account dora"


def test_nobody_else_proposes_keys(bank: Bank, people: People) -> None:
    for person in (people.developer, people.provider, people.peer, people.stranger):
        with pytest.raises(AdministratorsOnly):
            pin(person, new_key("treasury"), bank)
        with pytest.raises(AdministratorsOnly):
            pinned_keys.propose_revocation(
                person, key_id=ids("treasury")[0], note="x", request_id=uuid4(), now=bank.clock()
            )
    assert not GovernedRequest.objects.exists()


def test_an_administrator_does_not_decide_on_a_key_of_their_own(bank: Bank, people: People) -> None:
    bank.owns(people.administrator)
    wish = new_key("owner", str(people.administrator.id))
    with pytest.raises(OwnMoney):
        pin(people.administrator, wish, bank)

    colleague = Account.objects.create(
        username="alan", email="alan@example.org", is_staff=True, organisation="controller"
    )
    request = pin(people.peers_administrator, wish, bank)
    with pytest.raises(OwnMoney):
        bank.approve(request, people.administrator)
    assert bank.approve(request, colleague).state == RequestState.APPROVED


@pytest.mark.parametrize("column", ["public_key_pem", "key_id", "role", "holder"])
@pytest.mark.parametrize("approvals", [1, 2])
def test_a_key_that_was_exchanged_after_an_approval_is_not_signed(
    bank: Bank, people: People, column: str, approvals: int
) -> None:
    request = pin(people.administrator, new_key("authority", "peers"), bank)
    if approvals == 2:
        bank.approve(request, people.peers_administrator)
    other = {"public_key_pem": SigningKey.generate().public.pem, "role": "treasury"}.get(column, "controller")
    bank.tampers(request, **{column: other})
    bank.sign()

    request.refresh_from_db()
    assert request.state == (RequestState.FAILED if approvals == 2 else RequestState.APPROVED_ONCE)
    assert len(ids("authority")) == 2


@pytest.mark.parametrize(
    ("role", "holder", "field"),
    [
        ("root", "", "role"),
        ("", "", "role"),
        ("authority", "", "holder"),
        ("authority", "others", "holder"),
        ("treasury", "peers", "holder"),
        ("owner", "", "holder"),
        ("owner", "not-an-id", "holder"),
        ("provider", "b7d1e2a4-0000-4000-8000-000000000000", "holder"),
    ],
)
def test_a_key_is_for_somebody_that_there_is(bank: Bank, people: People, role: str, holder: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        pin(people.administrator, new_key(role, holder), bank)
    assert list(refused.value.fields) == [field]


def test_a_key_is_a_key_that_nobody_has(bank: Bank, people: People) -> None:
    taken = bank.owns(people.developer).public.pem
    for pem in ("", "nonsense", taken):
        with pytest.raises(Invalid) as refused:
            pin(people.administrator, new_key("treasury", pem=pem), bank)
        assert list(refused.value.fields) == ["public_key_pem"]


def test_no_role_loses_its_last_key(bank: Bank, people: People) -> None:
    for key_id in (*ids("treasury"), *ids("authority"), "unknown"):
        with pytest.raises(Invalid) as refused:
            pinned_keys.propose_revocation(
                people.administrator, key_id=key_id, note="x", request_id=uuid4(), now=bank.clock()
            )
        assert list(refused.value.fields) == ["key_id"]


def test_proposing_twice_with_the_same_id_is_one_request(bank: Bank, people: People) -> None:
    wish, same = new_key("treasury"), uuid4()
    first = pin(people.administrator, wish, bank, same)
    bank.approve(first, people.peers_administrator)
    bank.sign()

    assert pin(people.administrator, wish, bank, same).id == first.id
    assert GovernedRequest.objects.count() == 1

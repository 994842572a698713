"""An operator that is not to be one any more: its certificates end, and it may begin again with another key."""

from typing import Any

import pytest

from portal.accounts import operations as accounts
from portal.accounts.errors import AdministratorsOnly, RoleMissing
from portal.accounts.models import Account
from portal.accounts.models import Role as PortalRole
from portal.books.models import WorldState
from portal.governance.models import GovernedRequest, RequestState
from portal.membership.errors import MemberExpelled, RegistrarUnavailable
from portal.membership.testing import InMemoryRegistrar
from portal.peers import operations
from portal.peers.errors import AnotherOperatorKey, OperatorKeyKnown
from portal.peers.models import Peer
from portal.peers.statements import read_join_application
from tests.support.people import NOW, People
from tests.support.portal.joining import JoiningMachine, known_network
from wire.codec import encode
from wire.joining import JoinKit, names_of
from wire.ledger import state_keys
from wire.ledger.records import OperatorRecord, PinnedKey
from wire.ledger.states import KeyRole
from wire.signing import SigningKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def registrar() -> InMemoryRegistrar:
    return InMemoryRegistrar()


def joins(owner: Account, machine: JoiningMachine, registrar: InMemoryRegistrar) -> JoinKit:
    code = operations.create_join_code(owner, now=NOW).text
    application = read_join_application(code, machine.statement(code))
    return operations.join(application, network=known_network(registrar), now=NOW)


def names(machine: JoiningMachine) -> set[str]:
    return set(names_of(machine.operator.public.key_id, machine.peer.public.key_id))


def becomes_a_peer_again(people: People) -> None:
    grant = accounts.ask_role(people.peer, role=PortalRole.PEER, now=NOW)
    accounts.decide_role(grant, approve=True, by=people.administrator, now=NOW)


def ledger_has(owner: Account, key: SigningKey, **more: Any) -> None:
    key_id, holder = key.public.key_id, str(owner.id)
    pinned = PinnedKey(role=KeyRole.OPERATOR, holder=holder, public_key_pem=key.public.pem, **more)
    operator = OperatorRecord(operator_id=holder, key_id=key_id, registered_at_ms=1)
    for place, value in ((state_keys.operator(holder), operator), (state_keys.key(key_id), pinned)):
        WorldState.objects.update_or_create(key=place, defaults={"value": encode(value).decode()})


def test_all_names_of_an_operator_end_and_so_do_its_role_and_its_request(
    people: People, registrar: InMemoryRegistrar
) -> None:
    first = JoiningMachine()
    second = JoiningMachine(operator=first.operator)
    joins(people.peer, first, registrar)
    joins(people.peer, second, registrar)

    operations.expel(people.peer, by=people.administrator, registrar=registrar, now=NOW)

    assert registrar.expelled == names(first) | names(second)
    assert not Peer.objects.exists()
    assert GovernedRequest.objects.get().state == RequestState.REFUSED
    with pytest.raises(RoleMissing):
        joins(people.peer, first, registrar)
    operations.expel(people.peer, by=people.administrator, registrar=registrar, now=NOW)


def test_only_an_administrator_expels(people: People, registrar: InMemoryRegistrar) -> None:
    joins(people.peer, JoiningMachine(), registrar)

    with pytest.raises(AdministratorsOnly):
        operations.expel(people.peer, by=people.peer, registrar=registrar, now=NOW)

    assert not registrar.expelled


def test_what_failed_at_the_authority_is_repeated_and_nobody_joins_meanwhile(
    people: People, registrar: InMemoryRegistrar
) -> None:
    machine = JoiningMachine()
    joins(people.peer, machine, registrar)
    registrar.is_away = True
    with pytest.raises(RegistrarUnavailable):
        operations.expel(people.peer, by=people.administrator, registrar=registrar, now=NOW)
    assert Peer.objects.count() == 1
    with pytest.raises(RoleMissing):
        joins(people.peer, machine, registrar)

    registrar.is_away = False
    operations.expel(people.peer, by=people.administrator, registrar=registrar, now=NOW)

    assert registrar.expelled == names(machine)


def test_who_was_expelled_may_be_let_in_again_with_other_keys_only(
    people: People, registrar: InMemoryRegistrar
) -> None:
    machine = JoiningMachine()
    joins(people.peer, machine, registrar)
    operations.expel(people.peer, by=people.administrator, registrar=registrar, now=NOW)
    becomes_a_peer_again(people)

    with pytest.raises(MemberExpelled):
        joins(people.peer, machine, registrar)
    # What that try left behind is no hindrance either.
    operations.expel(people.peer, by=people.administrator, registrar=registrar, now=NOW)
    becomes_a_peer_again(people)

    assert joins(people.peer, JoiningMachine(), registrar).operator_id == str(people.peer.id)


def test_another_key_joins_once_the_ledger_has_ended_the_first(people: People, registrar: InMemoryRegistrar) -> None:
    lost, new = JoiningMachine(), JoiningMachine()
    joins(people.peer, lost, registrar)
    ledger_has(people.peer, lost.operator)
    with pytest.raises(AnotherOperatorKey):
        joins(people.peer, new, registrar)

    ledger_has(people.peer, lost.operator, revoked_at_ms=2)

    assert joins(people.peer, new, registrar).operator_id == str(people.peer.id)


def test_a_key_that_the_ledger_pinned_for_another_does_not_join(people: People, registrar: InMemoryRegistrar) -> None:
    machine = JoiningMachine()
    ledger_has(people.provider, machine.operator)

    with pytest.raises(OperatorKeyKnown):
        joins(people.peer, machine, registrar)

"""A machine joins with a one-time code; both organisations decide whether its operator shares in the commission."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from portal.accounts import operations as accounts
from portal.accounts.errors import RoleMissing
from portal.accounts.models import Account, RoleGrant, RoleState
from portal.accounts.models import Role as PortalRole
from portal.books.records import record
from portal.custody import submissions
from portal.custody.submissions import NotYours, SignatureRefused
from portal.errors import PortalError
from portal.governance import approving
from portal.governance.content import RequestKind
from portal.governance.errors import OwnMoney
from portal.governance.models import GovernedRequest, RequestState
from portal.membership.errors import RegistrarUnavailable, RequestInvalid
from portal.membership.testing import InMemoryRegistrar
from portal.peers import operations, queries
from portal.peers.errors import AnotherOperatorKey, JoinStatementInvalid, NoNetwork, OperatorKeyKnown
from portal.peers.models import JoinCode, Peer
from portal.peers.network import network_of
from portal.peers.statements import read_join_application
from portal.providers import codes
from portal.providers.errors import CodeExpired, CodeUnknown, CodeUsed
from tests.support.outbox.bank import Bank
from tests.support.people import NOW, People, newcomer
from tests.support.portal.joining import GENESIS, JoiningMachine, known_network
from wire.enrolment import certificate_request
from wire.joining import JoinKit, names_of
from wire.ledger import state_keys
from wire.ledger.operations import Arguments, RenounceKey, Transfer, operation_text
from wire.ledger.records import OperatorRecord, PinnedKey
from wire.ledger.states import KeyRole
from wire.signing import OPERATION, SigningKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def registrar() -> InMemoryRegistrar:
    return InMemoryRegistrar()


def new_code(owner: Account) -> str:
    return operations.create_join_code(owner, now=NOW).text


def join(
    code: str, machine: JoiningMachine, registrar: InMemoryRegistrar, *, after: timedelta = timedelta(), **changes: Any
) -> JoinKit:
    application = read_join_application(code, machine.statement(code, **changes))
    return operations.join(application, network=known_network(registrar), now=NOW + after)


def second_peer(people: People) -> Account:
    account = accounts.sign_up(newcomer("perry", roles=[PortalRole.PEER]), now=NOW)
    accounts.decide_role(account.roles.get(), approve=True, by=people.administrator, now=NOW)
    return account


def test_an_approved_peer_joins_and_gets_all_that_it_has_to_know(people: People, registrar: InMemoryRegistrar) -> None:
    machine = JoiningMachine()

    kit = join(new_code(people.peer).lower(), machine, registrar)

    assert (kit.operator_id, kit.channel, kit.msp_id) == (str(people.peer.id), "chainfaas", "PeersMSP")
    assert kit.genesis == GENESIS
    names = names_of(machine.operator.public.key_id, machine.peer.public.key_id)
    certificates = [
        x509.load_pem_x509_certificate(pem.encode())
        for pem in (kit.operator_certificate_pem, kit.peer_certificate_pem, kit.tls_certificate_pem)
    ]
    assert [item.subject.rfc4514_string() for item in certificates] == [
        f"CN={names.operator}",
        f"CN={names.peer}",
        f"CN={names.peer}",
    ]
    keys_of = [item.public_key() for item in certificates]
    assert keys_of == [key.public.key for key in (machine.operator, machine.peer, machine.tls)]
    hosts = certificates[2].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == ["peer.example"]
    assert queries.peers_of(people.peer).get().name == names.peer


def test_only_an_approved_peer_gets_a_code(people: People) -> None:
    for account in (people.developer, people.provider, people.administrator, people.stranger):
        with pytest.raises(RoleMissing):
            new_code(account)
    accounts.ask_role(people.developer, role=PortalRole.PEER, now=NOW)
    with pytest.raises(RoleMissing):
        new_code(people.developer)


def test_a_code_of_somebody_who_is_no_peer_any_more_lets_nobody_in(
    people: People, registrar: InMemoryRegistrar
) -> None:
    code = new_code(people.peer)
    RoleGrant.objects.filter(account=people.peer).update(state=RoleState.REFUSED)

    with pytest.raises(RoleMissing):
        join(code, JoiningMachine(), registrar)

    assert JoinCode.objects.get().used_at is None


def test_a_lost_answer_is_asked_for_again(people: People, registrar: InMemoryRegistrar) -> None:
    code, machine = new_code(people.peer), JoiningMachine()
    first = join(code, machine, registrar)

    again = join(code, machine, registrar, after=codes.CODE_VALID)

    assert (again.operator_id, again.peers) == (first.operator_id, first.peers)
    assert (Peer.objects.count(), GovernedRequest.objects.count()) == (1, 1)


def test_a_code_works_once_and_for_an_hour(people: People, registrar: InMemoryRegistrar) -> None:
    code, late = new_code(people.peer), new_code(people.peer)
    join(code, JoiningMachine(), registrar)

    with pytest.raises(CodeUsed):
        join(code, JoiningMachine(), registrar)
    with pytest.raises(CodeExpired):
        join(late, JoiningMachine(), registrar, after=codes.CODE_VALID)
    with pytest.raises(CodeUnknown):
        join("0" * 20, JoiningMachine(), registrar)


def test_what_failed_at_the_authority_can_be_tried_again(people: People, registrar: InMemoryRegistrar) -> None:
    code, machine = new_code(people.peer), JoiningMachine()
    registrar.is_away = True
    with pytest.raises(RegistrarUnavailable):
        join(code, machine, registrar)

    registrar.is_away = False

    assert join(code, machine, registrar).operator_id == str(people.peer.id)


def test_a_second_machine_of_the_operator_joins_with_the_same_key(people: People, registrar: InMemoryRegistrar) -> None:
    first = JoiningMachine()
    join(new_code(people.peer), first, registrar)

    join(new_code(people.peer), JoiningMachine(operator=first.operator), registrar)
    with pytest.raises(AnotherOperatorKey):
        join(new_code(people.peer), JoiningMachine(), registrar)

    assert queries.peers_of(people.peer).count() == 2
    assert GovernedRequest.objects.count() == 1


def test_a_key_or_machine_of_another_operator_does_not_join(people: People, registrar: InMemoryRegistrar) -> None:
    known, other = JoiningMachine(), second_peer(people)
    join(new_code(people.peer), known, registrar)

    for machine in (JoiningMachine(operator=known.operator), JoiningMachine(peer=known.peer)):
        with pytest.raises(OperatorKeyKnown):
            join(new_code(other), machine, registrar, host="other.example")

    assert Peer.objects.filter(owner=other).count() == 0


@pytest.mark.parametrize("host", ["", "a b", "peer.example/..", "x" * 254, "-x", "a,b"])
def test_a_host_that_is_none_is_refused(people: People, registrar: InMemoryRegistrar, host: str) -> None:
    with pytest.raises(JoinStatementInvalid):
        join(new_code(people.peer), JoiningMachine(), registrar, host=host)


@pytest.mark.parametrize("host", ["peer0.example", "PEER0.example", "10.0.0.5", "0:0:0:0:0:ffff:10.0.0.5"])
def test_nobody_gets_a_certificate_to_answer_in_the_networks_place(
    people: People, registrar: InMemoryRegistrar, host: str
) -> None:
    with pytest.raises(JoinStatementInvalid) as refused:
        join(new_code(people.peer), JoiningMachine(), registrar, host=host)

    assert "answers there" in refused.value.fields["statement"][0]


def test_nobody_gets_a_certificate_to_answer_in_another_operators_place(
    people: People, registrar: InMemoryRegistrar
) -> None:
    other, machine = second_peer(people), JoiningMachine()
    join(new_code(people.peer), machine, registrar, host="2001:db8:0::7")

    for host in ("2001:DB8::7", "2001:db8::0007"):
        with pytest.raises(JoinStatementInvalid):
            join(new_code(other), JoiningMachine(), registrar, host=host)

    join(new_code(people.peer), machine, registrar, host="2001:db8::7")
    join(new_code(people.peer), machine, registrar, host="127.0.0.1")
    join(new_code(other), JoiningMachine(), registrar, host="127.0.0.1")


def test_a_statement_is_for_one_code_and_by_the_key_that_it_names(people: People) -> None:
    code, machine, thief = new_code(people.peer), JoiningMachine(), SigningKey.generate()
    foreign = machine.statement("another")
    for statement in (foreign, machine.statement(code, signer=thief), "x", "a.b.c", machine.statement(code)[:-4]):
        with pytest.raises(JoinStatementInvalid):
            read_join_application(code, statement)


def test_certificates_are_for_the_machine_s_own_keys_and_names(people: People) -> None:
    code, machine, other = new_code(people.peer), JoiningMachine(), JoiningMachine()
    named = certificate_request("administrator", machine.peer)
    spoilt: tuple[dict[str, Any], ...] = (
        {"operator_request": other.said(code).operator_request},
        {"operator_request": machine.said(code).peer_request},
        {"peer_request": named},
        {"tls_request": named},
        {"tls_request": "x"},
        {"peer_request": ""},
    )
    for changes in spoilt:
        with pytest.raises((JoinStatementInvalid, RequestInvalid)):
            read_join_application(code, machine.statement(code, **changes))


def taken_in(bank: Bank, people: People, registrar: InMemoryRegistrar) -> JoiningMachine:
    machine = JoiningMachine()
    join(new_code(people.peer), machine, registrar)
    bank.approve_twice(GovernedRequest.objects.get())
    bank.sign()
    return machine


def test_an_operator_ends_its_stolen_key_and_moves_no_money_with_it(
    bank: Bank, people: People, registrar: InMemoryRegistrar
) -> None:
    key, operator_id = taken_in(bank, people, registrar).operator, str(people.peer.id)

    def signed(arguments: Arguments) -> str:
        text = operation_text(f"{arguments.kind}:{operator_id}:1", arguments)
        return key.sign(text.encode(), OPERATION)

    theft = Transfer(account_id=operator_id, to_account_id=str(people.provider.id), amount_micro=1)
    with pytest.raises(NotYours):
        submissions.verified(signed(theft))
    renounced = submissions.verified(signed(RenounceKey(key_id=key.public.key_id)))
    submissions.store(renounced, now=bank.clock())
    bank.settle()

    pinned = record(PinnedKey, state_keys.key(key.public.key_id))
    assert pinned is not None
    assert pinned.revoked_at_ms is not None
    with pytest.raises(SignatureRefused):
        submissions.verified(signed(RenounceKey(key_id=key.public.key_id)))


def test_both_organisations_take_an_operator_in(bank: Bank, people: People, registrar: InMemoryRegistrar) -> None:
    machine = JoiningMachine()
    join(new_code(people.peer), machine, registrar)
    request = GovernedRequest.objects.get()
    assert (request.kind, request.state) == (RequestKind.OPERATOR, RequestState.ASKED)
    assert queries.operator(people.peer).state == "asked"

    bank.approve(request, people.administrator)
    bank.sign()
    assert record(OperatorRecord, state_keys.operator(str(people.peer.id))) is None
    bank.approve(request, people.peers_administrator)
    bank.sign()

    request.refresh_from_db()
    assert request.state == RequestState.DONE
    pinned = record(PinnedKey, state_keys.key(machine.operator.public.key_id))
    assert pinned is not None
    assert (pinned.role, pinned.holder) == (KeyRole.OPERATOR, str(people.peer.id))
    assert queries.operator(people.peer).state == "waiting"
    join(new_code(people.peer), machine, registrar)
    assert GovernedRequest.objects.count() == 1, "nothing more to ask"


def test_nobody_decides_on_an_operator_that_is_themselves(
    bank: Bank, people: People, registrar: InMemoryRegistrar
) -> None:
    accounts.ask_role(people.administrator, role=PortalRole.PEER, now=NOW)
    grant = people.administrator.roles.get()
    accounts.decide_role(grant, approve=True, by=people.peers_administrator, now=NOW)
    join(new_code(people.administrator), JoiningMachine(), registrar)

    with pytest.raises(OwnMoney):
        bank.approve(GovernedRequest.objects.get(), people.administrator)


def test_a_refused_operator_may_ask_again_with_another_code(
    bank: Bank, people: People, registrar: InMemoryRegistrar
) -> None:
    machine = JoiningMachine()
    join(new_code(people.peer), machine, registrar)
    approving.refuse(GovernedRequest.objects.get(), by=people.administrator, reason="who are you?", now=bank.clock())
    assert queries.operator(people.peer).state == "none"

    join(new_code(people.peer), machine, registrar)

    assert GovernedRequest.objects.filter(state=RequestState.ASKED).count() == 1


def test_an_installation_without_a_network_says_so(registrar: InMemoryRegistrar) -> None:
    for known in (None, registrar):
        with pytest.raises(NoNetwork) as refused:
            network_of(known, GENESIS)
        assert isinstance(refused.value, PortalError)

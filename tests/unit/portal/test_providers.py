"""Enrolment: a code turns one machine into a provider, once, and survives a lost answer."""

import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from portal import composition
from portal.accounts.errors import RoleMissing
from portal.accounts.models import Account
from portal.custody.announcing import announce_provider
from portal.errors import PortalError
from portal.outbox.models import OutboxOperation
from portal.providers import codes, operations, queries
from portal.providers.broker_admin import ProviderAccess
from portal.providers.errors import (
    BrokerAdminUnavailable,
    CodeExpired,
    CodeUnknown,
    CodeUsed,
    KeyEnrolled,
    ProviderInvalid,
    ProviderMissing,
    ProviderNameTaken,
    ProviderRevoked,
    StatementInvalid,
    TooManyCodes,
)
from portal.providers.models import EnrolmentCode, Provider, ProviderState
from portal.providers.operations import Enrolment
from portal.providers.statements import read_application
from portal.providers.testing import InMemoryBrokerAdmin
from tests.support.machines import Machine
from tests.support.people import NOW, People
from wire import signing
from wire.problems import Reason
from wire.signing import PublicKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("controller_keys")]


def enrol(code: str, machine: Machine, broker: InMemoryBrokerAdmin, *, after: timedelta = timedelta()) -> Enrolment:
    return operations.enrol(
        read_application(code, machine.statement(code)),
        authority=composition.certificate_authority(),
        broker=broker,
        announce=partial(announce_provider, now=NOW),
        now=NOW + after,
    )


def new_code(owner: Account, name: str = "attic") -> str:
    return operations.create_code(owner, name=name, now=NOW).text


def test_a_code_is_easy_to_type_hard_to_guess_and_not_stored(people: People) -> None:
    code = new_code(people.provider)

    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){3}", code)
    stored = " ".join(str(value) for value in EnrolmentCode.objects.values_list().get())
    assert code not in stored
    assert code.replace("-", "") not in stored


def test_a_code_turns_a_machine_into_a_provider(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    machine = Machine()

    made = enrol(new_code(people.provider).lower(), machine, broker_users)

    provider = made.provider
    assert (provider.owner, provider.name, provider.architecture) == (people.provider, "attic", "amd64")
    assert provider.signing_key_pem == machine.key.public.pem
    assert broker_users.access[provider.id].queue_secret == provider.queue_secret
    assert made.broker_password not in str(Provider.objects.values_list().get())
    assert OutboxOperation.objects.get().operation_id == f"provider.register:{provider.id}"


def test_the_certificate_names_the_provider_and_its_key(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    machine = Machine()

    provider = enrol(new_code(people.provider), machine, broker_users).provider

    certificate = x509.load_pem_x509_certificate(provider.certificate_pem.encode())
    authority = composition.certificate_authority().certificate
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject.rfc4514_string() == f"CN={provider.id}"
    assert certificate.public_key() == machine.key.public.key
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_lost_answer_is_asked_for_again(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code, machine = new_code(people.provider), Machine()
    first = enrol(code, machine, broker_users)

    again = enrol(code, machine, broker_users, after=codes.CODE_VALID)

    assert again.provider == first.provider
    assert again.broker_password != first.broker_password
    assert broker_users.access[first.provider.id].password_hash == again.provider.broker_password_hash
    assert Provider.objects.count() == 1
    assert OutboxOperation.objects.count() == 1


def test_an_enrolment_goes_on_where_the_broker_was_away(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code, machine = new_code(people.provider), Machine()
    broker_users.is_away = True
    with pytest.raises(BrokerAdminUnavailable):
        enrol(code, machine, broker_users)

    broker_users.is_away = False
    made = enrol(code, machine, broker_users)

    assert broker_users.granted() == {made.provider.id}
    assert Provider.objects.count() == 1


def test_another_machine_cannot_use_a_used_code(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code = new_code(people.provider)
    enrol(code, Machine(), broker_users)

    with pytest.raises(CodeUsed):
        enrol(code, Machine(), broker_users)


def test_a_key_is_one_provider_s_for_good(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    """The ledger pins a key once: a second provider with it would work and never be paid."""
    machine = Machine()
    first = enrol(new_code(people.provider), machine, broker_users).provider
    unused = [new_code(people.provider, "cellar"), new_code(people.other_provider, "loft")]

    for code in unused:
        with pytest.raises(KeyEnrolled, match=r"enrolled already as attic.*--home") as refused:
            enrol(code, machine, broker_users)
        assert refused.value.reason is Reason.CONFLICT
    operations.revoke_provider(first, broker=broker_users, now=NOW)
    with pytest.raises(KeyEnrolled, match="attic, which was revoked"):
        enrol(unused[0], machine, broker_users)

    assert broker_users.granted() == frozenset()
    assert Provider.objects.get().signing_key_id == machine.key.public.key_id
    assert OutboxOperation.objects.count() == 1
    assert enrol(unused[0], Machine(), broker_users).provider.name == "cellar", "the code is still good"


def test_a_code_expires(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code, machine = new_code(people.provider), Machine()
    with pytest.raises(CodeExpired):
        enrol(code, machine, broker_users, after=codes.CODE_VALID)

    enrol(code, machine, broker_users)
    with pytest.raises(CodeExpired):
        enrol(code, machine, broker_users, after=codes.CODE_VALID + codes.REPEAT_VALID)


def test_a_guessed_code_is_unknown(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    new_code(people.provider)

    for guess in ("00000-00000-00000-00000", "", "' OR 1=1 --"):
        with pytest.raises(CodeUnknown):
            enrol(guess, Machine(), broker_users)
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"code_digest": "0" * 64},
        {"public_key_pem": "no key"},
        {"public_key_pem": Machine().key.public.pem},
        {"sealing_key": "ab" * 31},
        {"sealing_key": "AB" * 32},
        {"architecture": "riscv64"},
        {"agent_version": "x" * 33},
        {"agent_version": 1},
        {"agent_version": ""},
    ],
)
def test_a_statement_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StatementInvalid) as refused:
        read_application("AAAAA", Machine().statement("AAAAA", **changes))

    assert refused.value.fields["statement"]


def test_a_statement_signed_for_something_else_is_refused() -> None:
    machine = Machine()
    ticket = machine.key.sign(signing.payload_of(machine.statement("AAAAA")), signing.TICKET)

    for statement in (ticket, "", "a.b.c", "{}", machine.statement("AAAAA")[:-4] + "AAAA"):
        with pytest.raises(StatementInvalid):
            read_application("AAAAA", statement)


def test_only_a_provider_makes_codes(people: People) -> None:
    with pytest.raises(RoleMissing):
        new_code(people.developer)


@pytest.mark.parametrize("name", ["", " attic", "attic\n", "a" * 65, "<b>", "../x"])
def test_a_machine_has_a_plain_name(people: People, name: str) -> None:
    with pytest.raises(ProviderInvalid):
        new_code(people.provider, name)


def test_a_name_is_taken_until_its_provider_is_revoked(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    early = new_code(people.provider)
    provider = enrol(new_code(people.provider), Machine(), broker_users).provider
    with pytest.raises(ProviderNameTaken):
        new_code(people.provider)
    with pytest.raises(ProviderNameTaken):
        enrol(early, Machine(), broker_users)
    assert enrol(new_code(people.other_provider), Machine(), broker_users).provider.name == "attic"

    operations.revoke_provider(provider, broker=broker_users, now=NOW)

    assert enrol(early, Machine(), broker_users).provider != provider


def test_an_owner_has_a_bounded_number_of_open_codes(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MAX_OPEN_CODES", 1)
    new_code(people.provider)

    with pytest.raises(TooManyCodes):
        new_code(people.provider, "cellar")


def test_a_revoked_provider_loses_the_broker_and_its_code(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code, machine = new_code(people.provider), Machine()
    provider = enrol(code, machine, broker_users).provider

    for _ in range(2):
        operations.revoke_provider(provider, broker=broker_users, now=NOW)

    assert (provider.state, provider.revoked_at) == (ProviderState.REVOKED, NOW)
    assert not broker_users.granted()
    with pytest.raises(ProviderRevoked):
        enrol(code, machine, broker_users)


def test_a_revocation_that_did_not_reach_the_broker_is_repeated(
    people: People, broker_users: InMemoryBrokerAdmin
) -> None:
    provider = enrol(new_code(people.provider), Machine(), broker_users).provider
    broker_users.is_away = True
    with pytest.raises(BrokerAdminUnavailable):
        operations.revoke_provider(provider, broker=broker_users, now=NOW)

    broker_users.is_away = False
    operations.rebuild_broker(broker_users)

    assert not broker_users.granted()


def test_a_broker_that_lost_everything_is_rebuilt_with_the_same_passwords(
    people: People, broker_users: InMemoryBrokerAdmin
) -> None:
    kept = enrol(new_code(people.provider), Machine(), broker_users).provider
    gone = enrol(new_code(people.other_provider), Machine(), broker_users).provider
    before = dict(broker_users.access)
    stranger = ProviderAccess(provider_id=people.stranger.id, queue_secret="s", password_hash="h")  # noqa: S106
    operations.revoke_provider(gone, broker=broker_users, now=NOW)

    empty = InMemoryBrokerAdmin()
    empty.access[people.stranger.id] = stranger

    assert operations.rebuild_broker(empty) == 1
    assert empty.access[kept.id] == before[kept.id]
    assert gone.id not in empty.granted()


def test_a_stranger_sees_no_provider_and_an_administrator_all(
    people: People, broker_users: InMemoryBrokerAdmin
) -> None:
    provider = enrol(new_code(people.provider), Machine(), broker_users).provider

    assert queries.provider_for(people.provider, provider.id) == provider
    assert queries.provider_for(people.administrator, provider.id) == provider
    for other in (people.other_provider, people.stranger, people.developer):
        with pytest.raises(ProviderMissing):
            queries.provider_for(other, provider.id)


def test_the_root_key_that_agents_pin_is_the_controllers(controller_keys: Path) -> None:
    pem = composition.root_key_pem()

    assert PublicKey.from_pem(pem).pem == pem
    assert "PRIVATE" not in pem
    assert (controller_keys / "root.pem").exists()


def test_every_error_has_a_sentence_of_its_own() -> None:
    pending, seen = [PortalError], set()
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        assert kind.__doc__, kind
        seen.add(kind)

    assert CodeUsed in seen

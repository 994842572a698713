"""Accounts, roles, tokens and the bounds on attempts."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.accounts import operations, passwords, queries, throttle
from portal.accounts.errors import (
    AdministratorsOnly,
    NameBelongsToAnother,
    RoleDecided,
    RoleHeld,
    SignInFailed,
    SignUpRefused,
    TokenMissing,
    TokenRefused,
    TooManyTokens,
)
from portal.accounts.models import Account, ApiToken, Role, RoleState, Throttle
from portal.accounts.throttle import Attempt
from portal.errors import Invalid, TooManyAttempts
from tests.support.people import NOW, PASSWORD, People, newcomer

pytestmark = pytest.mark.django_db
WRONG = "wrong"


def sign_up(name: str = "newcomer", **changes: str) -> Account:
    return operations.sign_up(newcomer(name, roles=[Role.DEVELOPER], **changes), now=NOW)


def test_a_developer_and_a_provider_are_active_at_once_and_a_peer_waits() -> None:
    account = operations.sign_up(newcomer("newcomer", email="N@Example.org", roles=list(Role)), now=NOW)

    states = dict(queries.roles_of(account).values_list("role", "state"))
    assert states == {Role.DEVELOPER: RoleState.ACTIVE, Role.PROVIDER: RoleState.ACTIVE, Role.PEER: RoleState.PENDING}
    assert account.email == "n@example.org"
    assert not account.is_staff


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("admin", {}, "username"),
        ("Upper", {}, "username"),
        ("a--b", {}, "username"),
        ("a" * 40, {}, "username"),
        ("../etc", {}, "username"),
        ("newcomer", {"email": "nothing"}, "email"),
        ("newcomer", {"email": "a" * 250 + "@example.org"}, "email"),
        ("newcomer", {"password": "short"}, "password"),
        ("newcomer", {"password": "password1234"}, "password"),
    ],
)
def test_a_sign_up_that_is_wrong_names_the_field(name: str, changes: dict[str, str], field: str) -> None:
    with pytest.raises(SignUpRefused) as refused:
        sign_up(name, **changes)

    assert field in refused.value.fields
    assert not Account.objects.exists()


def test_a_name_and_an_address_are_taken_once() -> None:
    sign_up("newcomer")

    with pytest.raises(SignUpRefused) as refused:
        sign_up("newcomer", email="NEWCOMER@example.org")

    assert set(refused.value.fields) == {"username", "email"}


def test_an_account_takes_at_least_one_role() -> None:
    with pytest.raises(SignUpRefused):
        operations.sign_up(newcomer("newcomer", roles=[]), now=NOW)


def test_only_an_administrator_decides_and_only_once(people: People) -> None:
    grant = operations.ask_role(people.developer, role=Role.PEER, now=NOW)
    assert list(queries.waiting_roles()) == [grant]

    with pytest.raises(AdministratorsOnly):
        operations.decide_role(grant, approve=True, by=people.developer, now=NOW)
    operations.decide_role(grant, approve=True, by=people.administrator, now=NOW)

    assert people.developer.has_role(Role.PEER)
    with pytest.raises(RoleDecided):
        operations.decide_role(grant, approve=False, by=people.administrator, now=NOW)
    with pytest.raises(RoleHeld):
        operations.ask_role(people.developer, role=Role.PEER, now=NOW)


def test_a_refused_role_can_be_asked_for_again(people: People) -> None:
    grant = operations.ask_role(people.developer, role=Role.PEER, now=NOW)
    operations.decide_role(grant, approve=False, by=people.administrator, now=NOW)

    again = operations.ask_role(people.developer, role=Role.PEER, now=NOW + timedelta(days=1))

    assert again.state == RoleState.PENDING
    assert again.decided_by is None


def test_a_token_acts_for_its_account_until_it_expires_or_is_revoked(people: People) -> None:
    made = operations.make_token(people.developer, name="laptop", now=NOW, expires_at=NOW + timedelta(hours=1))

    assert operations.authenticate_token(made.text, now=NOW) == people.developer
    with pytest.raises(TokenRefused):
        operations.authenticate_token(made.text, now=NOW + timedelta(hours=1))
    operations.revoke_token(people.developer, token_id=made.token.id, now=NOW)
    with pytest.raises(TokenRefused):
        operations.authenticate_token(made.text, now=NOW)


def test_a_tokens_text_is_stored_nowhere(people: People) -> None:
    made = operations.make_token(people.developer, name="laptop", now=NOW)

    stored = " ".join(str(value) for value in ApiToken.objects.values_list().get())
    assert made.text.startswith(made.token.prefix + "_")
    assert made.text.removeprefix(made.token.prefix + "_") not in stored


def test_a_token_of_a_closed_account_is_refused(people: People) -> None:
    made = operations.make_token(people.developer, name="laptop", now=NOW)
    Account.objects.filter(id=people.developer.id).update(is_active=False)

    with pytest.raises(TokenRefused):
        operations.authenticate_token(made.text, now=NOW)


def test_the_use_of_a_token_is_noted_once_a_minute(people: People) -> None:
    made = operations.make_token(people.developer, name="laptop", now=NOW)
    moments = [NOW, NOW + timedelta(seconds=59), NOW + timedelta(seconds=61)]

    noted = []
    for moment in moments:
        operations.authenticate_token(made.text, now=moment)
        noted.append(ApiToken.objects.get().last_used_at)

    assert noted == [NOW, NOW, moments[2]]


@pytest.mark.parametrize("text", ["", "cf_", "cf_abcdefgh_" + "a" * 43, "x" * 10_000, "cf_abcdefgh_' OR 1=1 --"])
def test_a_made_up_token_acts_for_nobody(text: str) -> None:
    with pytest.raises(TokenRefused):
        operations.authenticate_token(text, now=NOW)


def test_a_stranger_cannot_revoke_a_token(people: People) -> None:
    made = operations.make_token(people.developer, name="laptop", now=NOW)

    with pytest.raises(TokenMissing):
        operations.revoke_token(people.stranger, token_id=made.token.id, now=NOW)


def test_an_account_has_a_bounded_number_of_tokens(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MAX_TOKENS", 1)
    operations.make_token(people.developer, name="laptop", now=NOW)

    with pytest.raises(TooManyTokens):
        operations.make_token(people.developer, name="another", now=NOW)


def test_a_password_is_tried_a_bounded_number_of_times(people: People) -> None:
    for _ in range(throttle.BOUNDS[Attempt.SIGN_IN].attempts):
        with pytest.raises(SignInFailed):
            passwords.sign_in("dora", password=WRONG, address="192.0.2.1", now=NOW)

    with pytest.raises(TooManyAttempts) as refused:
        passwords.sign_in("dora", password=PASSWORD, address="192.0.2.1", now=NOW)

    assert 0 < (refused.value.retry_after or 0) <= throttle.BOUNDS[Attempt.SIGN_IN].window.total_seconds() + 1
    assert passwords.sign_in("dora", password=PASSWORD, address="192.0.2.2", now=NOW) == people.developer
    later = NOW + throttle.BOUNDS[Attempt.SIGN_IN].window
    assert passwords.sign_in("DORA ", password=PASSWORD, address="192.0.2.1", now=later) == people.developer


def test_an_address_tries_a_bounded_number_of_accounts() -> None:
    for number in range(throttle.BOUNDS[Attempt.SIGN_IN_ADDRESS].attempts):
        with pytest.raises(SignInFailed):
            passwords.sign_in(f"guess-{number}", password=WRONG, address="192.0.2.1", now=NOW)

    with pytest.raises(TooManyAttempts):
        passwords.sign_in("another", password=WRONG, address="192.0.2.1", now=NOW)


@pytest.mark.parametrize("name", ["", "\0", "dora\0", "' OR 1=1 --", "x" * 10_000])
def test_a_name_that_nobody_can_have_is_nobodys(name: str, people: People) -> None:
    assert people

    with pytest.raises(SignInFailed):
        passwords.sign_in(name, password=PASSWORD, address="192.0.2.1", now=NOW)


def test_signing_in_often_is_no_attack(people: People) -> None:
    for _ in range(throttle.BOUNDS[Attempt.SIGN_IN_ADDRESS].attempts + 1):
        assert passwords.sign_in("dora", password=PASSWORD, address="192.0.2.1", now=NOW) == people.developer


def test_attempts_that_are_over_are_forgotten() -> None:
    with pytest.raises(SignInFailed):
        passwords.sign_in("somebody", password=WRONG, address="192.0.2.1", now=NOW)
    with pytest.raises(SignInFailed):
        passwords.sign_in("else", password=WRONG, address="192.0.2.9", now=NOW + timedelta(hours=2))

    assert not Throttle.objects.filter(resets_at__lte=NOW + timedelta(hours=2)).exists()


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_one_party_holds_an_address_or_a_network(address: str, party: str) -> None:
    assert throttle.network(address) == party


def test_the_administrator_is_made_by_a_command_that_may_be_repeated(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nsecond line\n")

    for _ in range(2):
        call_command("make_administrator", "administrator", "a@example.org", password_file=file)

    account = Account.objects.get()
    assert account.is_staff
    assert account.check_password(PASSWORD)


def test_the_command_does_not_take_over_another_persons_account(people: People, tmp_path: Path) -> None:
    with pytest.raises(NameBelongsToAnother):
        operations.make_administrator(people.stranger.username, email="a@example.org", password=PASSWORD)

    with pytest.raises(CommandError, match="first line"):
        call_command("make_administrator", "ada2", "ada2@example.org", password_file=tmp_path / "none")


def test_an_administrators_password_is_a_good_one() -> None:
    with pytest.raises(Invalid) as refused:
        operations.make_administrator("ada", email="ada@example.org", password=WRONG)
    assert any("too short" in problem for problem in refused.value.fields["__all__"])
    assert not Account.objects.exists()

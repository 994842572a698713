"""Signing up, in and out; password, time zone, roles and tokens, by hand."""

import re

import pytest

from portal.accounts.models import Account, ApiToken, Role
from portal.accounts.operations import authenticate_token
from tests.integration.web.conftest import Browser
from tests.support.people import NOW, PASSWORD, People

SIGN_UP = {"username": "nina", "email": "nina@example.org", "password": PASSWORD, "roles": ["developer", "peer"]}

WRONG, WEAK, ANOTHER = "wrong wrong wrong", "short", "another long phrase"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quickly(quick_passwords: None) -> None:
    """Hash passwords so."""


def test_a_visitor_signs_up_and_is_signed_in(visitor: Browser) -> None:
    done = visitor.post("/sign-up", **SIGN_UP)

    assert visitor.messages(done) == ["Welcome, nina. Your account is ready."]
    account = Account.objects.get(username="nina")
    assert account.has_role(Role.DEVELOPER)
    assert not account.has_role(Role.PEER)
    assert "Role peer: awaiting approval." in visitor.text("/")


def test_a_form_keeps_what_was_typed_and_names_what_is_wrong(visitor: Browser) -> None:
    response = visitor.post("/sign-up", **SIGN_UP | {"username": "Nina!", "password": "tiny pw"})

    text = response.content.decode()
    assert response.status_code == 422
    assert 'value="Nina!"' in text
    assert "lower-case letters" in response.context["form"].errors["username"][0]
    assert "10 characters" in response.context["form"].errors["password"][0]
    assert "tiny pw" not in text
    assert Account.objects.count() == 0


def test_a_name_that_is_taken_is_refused(visitor: Browser, people: People) -> None:
    response = visitor.post("/sign-up", **SIGN_UP | {"username": people.developer.username})

    assert "taken" in str(response.context["form"].errors["username"])


def test_sign_in_leads_where_it_was_asked_from(visitor: Browser, people: People) -> None:
    asked = visitor.get("/functions")
    assert asked.url == "/sign-in?next=/functions"

    done = visitor.post("/sign-in", username=people.developer.username, password=PASSWORD, next="/functions")

    assert (done.status_code, done.url) == (302, "/functions")
    assert visitor.get("/functions").status_code == 200


@pytest.mark.parametrize(
    "goal", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http://localhost/"]
)
def test_sign_in_leads_to_no_other_host(visitor: Browser, people: People, goal: str) -> None:
    done = visitor.post("/sign-in", username=people.developer.username, password=PASSWORD, next=goal)

    assert done.url == "/"


def test_a_wrong_password_says_no_more_than_that(visitor: Browser, people: People) -> None:
    wrong = visitor.post("/sign-in", username=people.developer.username, password=WRONG)
    unknown = visitor.post("/sign-in", username="nobody", password=WRONG)

    assert wrong.status_code == unknown.status_code == 422
    assert wrong.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()


def test_guessing_is_stopped(visitor: Browser, people: People) -> None:
    for _ in range(10):
        visitor.post("/sign-in", username=people.developer.username, password=WRONG)

    right = visitor.post("/sign-in", username=people.developer.username, password=PASSWORD)

    assert right.status_code == 422
    assert "Too many attempts" in right.content.decode()


def test_signing_out_takes_a_post_and_ends_the_session(dora: Browser) -> None:
    assert dora.get("/sign-out").status_code == 405

    assert dora.messages(dora.post("/sign-out")) == ["You are signed out."]
    assert dora.get("/functions").status_code == 302


def test_a_password_is_changed_only_with_the_old_one(dora: Browser, people: People) -> None:
    refused = dora.post("/account/password", old_password=WRONG, new_password=ANOTHER)
    weak = dora.post("/account/password", old_password=PASSWORD, new_password=WEAK)
    done = dora.post("/account/password", old_password=PASSWORD, new_password=ANOTHER)

    assert "not your password" in refused.content.decode()
    assert "10 characters" in weak.content.decode()
    assert dora.messages(done) == ["Your password is changed. Other browsers are signed out."]
    people.developer.refresh_from_db()
    assert people.developer.check_password(ANOTHER)


def test_times_are_shown_in_the_account_s_zone(dora: Browser, people: People) -> None:
    Account.objects.filter(id=people.developer.id).update(date_joined=NOW)
    assert '<time datetime="2026-11-21T12:00:00.000Z">21 Nov 2026, 12:00:00</time>' in dora.text("/account")

    done = dora.post("/account/time-zone", time_zone="Asia/Kolkata")

    assert dora.messages(done) == ["Times are now shown in Asia/Kolkata."]
    assert '<time datetime="2026-11-21T12:00:00.000Z">21 Nov 2026, 17:30:00</time>' in dora.text("/account")
    assert dora.post("/account/time-zone", time_zone="Mars/Olympus").status_code == 422


def test_more_roles_can_be_asked_for(dora: Browser, people: People) -> None:
    assert dora.messages(dora.post("/account/roles", role="provider")) == ["You are a provider now."]
    assert dora.messages(dora.post("/account/roles", role="peer")) == ["An administrator will decide."]
    assert dora.messages(dora.post("/account/roles", role="provider")) == ["The account holds this role."]
    assert people.developer.has_role(Role.PROVIDER)


def test_a_token_is_shown_once_and_works_until_it_is_revoked(dora: Browser, people: People) -> None:
    made = dora.post("/tokens", name="night job", days="30")

    found = re.search(r"cf_[a-z0-9]{8}_[\w-]{43}", made.content.decode())
    assert found is not None
    assert authenticate_token(found[0], now=NOW) == people.developer
    assert found[0] not in dora.text("/tokens")
    assert "no-store" in made.headers["Cache-Control"]

    token = ApiToken.objects.get()
    assert dora.messages(dora.post(f"/tokens/{token.id}/revoke"))[0].startswith("The token is revoked.")
    assert "night job" not in dora.text("/tokens")


def test_a_token_needs_a_name(dora: Browser) -> None:
    assert dora.post("/tokens", name="", days="").status_code == 422
    assert ApiToken.objects.count() == 0

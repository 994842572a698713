"""Every page and every action, by visitors and strangers; what all pages have in common."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from portal.accounts.models import Account, ApiToken
from portal.accounts.operations import make_token
from portal.books.models import LedgerTransaction
from portal.functions.models import Function
from portal.invocations.models import Job
from portal.outbox.models import OutboxOperation
from portal.providers.models import Provider
from portal.web.urls import urlpatterns
from tests.integration.web.conftest import HOST, Browser
from tests.support.people import NOW, PASSWORD, People

#: Pages that show only what is the account's own, or what every account may see.
OWN = [
    "/account",
    "/account/own-key",
    "/tokens",
    "/functions",
    "/new-function",
    "/invocations",
    "/providers",
    "/new-machine",
    "/peers",
    "/money",
    "/ledger",
    "/ledger/blocks/1",
]


@pytest.fixture
def pages_of_others(people: People, settled_job: Job, provider: Provider) -> list[str]:
    """Addresses of what belongs to the developer and the provider."""
    return [
        "/functions/word-count",
        "/functions/word-count/run",
        "/functions/word-count/new-version",
        "/functions/word-count/versions/1",
        "/functions/word-count/invocations",
        f"/invocations/{settled_job.invocation_id}",
        f"/providers/{provider.id}",
        f"/ledger/jobs/{settled_job.id}",
        f"/ledger/accounts/{people.developer.id}",
    ]


@pytest.fixture
def actions_on_others(
    people: People,
    settled_job: Job,  # noqa: ARG001 - a fixture
    provider: Provider,
) -> list[tuple[str, dict[str, str]]]:
    """Forms that would change what belongs to others."""
    token = make_token(people.developer, name="x", now=NOW).token
    named = "/functions/word-count"
    return [
        (f"/tokens/{token.id}/revoke", {}),
        (f"{named}/publish", {"version": "1"}),
        (f"{named}/roll-back", {"version": "1"}),
        (f"{named}/stop", {}),
        (f"{named}/start", {}),
        (f"{named}/delete", {"name": "word-count"}),
        (f"{named}/run", {"input": "x", "input_type": "text/plain"}),
        (f"/providers/{provider.id}/revoke", {}),
    ]


def state() -> tuple[object, ...]:
    return (
        list(Function.objects.values_list("state", "live_version_id")),
        list(Provider.objects.values_list("state")),
        list(ApiToken.objects.values_list("revoked_at")),
        OutboxOperation.objects.count(),
    )


def test_a_stranger_s_pages_do_not_exist(
    browser: Callable[[Account], Browser], people: People, pages_of_others: list[str]
) -> None:
    mallory = browser(people.stranger)

    assert {path: mallory.get(path).status_code for path in pages_of_others} == dict.fromkeys(pages_of_others, 404)


def test_a_stranger_s_actions_change_nothing(
    browser: Callable[[Account], Browser], people: People, actions_on_others: list[tuple[str, dict[str, str]]]
) -> None:
    mallory, before = browser(people.stranger), state()

    answers = {path: mallory.post(path, **fields).status_code for path, fields in actions_on_others}

    assert set(answers.values()) == {404}, answers
    assert state() == before


def test_only_administrators_administrate(browser: Callable[[Account], Browser], people: People) -> None:
    grant, decided = people.developer.roles.get(), f"/administration/requests/{uuid4()}"
    for account in (people.developer, people.provider, people.peer, people.stranger):
        signed_in = browser(account)
        for path in (
            "/administration",
            "/administration/providers",
            "/administration/peers",
            "/administration/requests",
            "/administration/decided",
            decided,
            "/administration/keys",
            "/administration/mismatches",
            f"/administration/mismatches/{uuid4().hex}-1",
            "/administration/fees",
        ):
            assert signed_in.get(path).status_code == 403
        assert signed_in.post(f"{decided}/approve", digest="0" * 64, reference="r").status_code == 403
        assert signed_in.post(f"{decided}/refuse", reason="no").status_code == 403
        assert signed_in.post("/administration/fees/propose", platform="0", peers="0").status_code == 403
        assert signed_in.post("/administration/keys/pin", role="treasury").status_code == 403
        assert signed_in.post("/administration/keys/revoke", key_id="x").status_code == 403
        assert signed_in.post(f"/administration/mismatches/{uuid4().hex}-1/decide", what="pay").status_code == 403
        assert (
            signed_in.post("/administration/top-up", username="mallory", amount="5", reference="r").status_code == 403
        )
        assert signed_in.post(f"/administration/roles/{grant.id}", decision="approve").status_code == 403
    assert OutboxOperation.objects.count() == 0


def test_a_visitor_is_asked_to_sign_in_first(
    visitor: Browser, pages_of_others: list[str], actions_on_others: list[tuple[str, dict[str, str]]]
) -> None:
    before = state()

    for path in [*OWN, *pages_of_others, "/money/statement.csv", "/administration"]:
        answer = visitor.get(path)
        assert (answer.status_code, answer.url.partition("?")[0]) == (302, "/sign-in"), path
    for path, fields in actions_on_others:
        assert visitor.post(path, **fields).status_code == 302
    assert state() == before


def test_parties_peers_and_administrators_see_a_job_s_record(
    browser: Callable[[Account], Browser], people: People, settled_job: Job
) -> None:
    transaction = LedgerTransaction.objects.filter(events__subject=settled_job.id).first()
    assert transaction is not None
    for account in (people.developer, people.provider, people.peer, people.administrator):
        signed_in = browser(account)
        assert "12 credits" in signed_in.text(f"/ledger/jobs/{settled_job.id}")
        assert settled_job.id in signed_in.text(f"/ledger/transactions/{transaction.id}")
    assert settled_job.id not in browser(people.stranger).text(f"/ledger/transactions/{transaction.id}")


def test_a_log_is_its_developer_s_alone(
    browser: Callable[[Account], Browser], people: People, settled_job: Job
) -> None:
    text = browser(people.administrator).text(f"/invocations/{settled_job.invocation_id}")

    assert "what the function wrote" not in text
    assert "alert(1)" not in text


def test_own_pages_open_for_everyone_with_the_role(
    browser: Callable[[Account], Browser], people: People, settled_job: Job
) -> None:
    mallory = browser(people.stranger)
    for path in ["/", *OWN]:
        assert str(settled_job.invocation_id)[:12] not in mallory.text(path)


@pytest.mark.parametrize("path", ["/nothing", "/functions/none", f"/invocations/{uuid4()}", "/ledger/blocks/99999"])
def test_what_is_not_there_has_a_page_in_style(dora: Browser, path: str) -> None:
    response = dora.get(path)

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert response.headers["X-Request-Id"] in response.content.decode()


def test_an_unexpected_failure_has_a_page_with_its_number_and_no_detail(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_account: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("portal.functions.queries.functions_of", broken)
    client = Client(SERVER_NAME=HOST, raise_request_exception=False)
    client.force_login(people.developer)

    response = client.get("/functions", secure=True)

    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in response.content.decode()
    assert "secret" not in response.content.decode()


def test_a_form_from_another_site_is_refused_in_style(people: People, published: Function) -> None:
    client = Client(SERVER_NAME=HOST, enforce_csrf_checks=True)
    client.force_login(people.developer)

    response = client.post("/functions/word-count/stop", secure=True, headers={"Origin": "https://evil.example"})

    assert response.status_code == 403
    assert "did not come from this page" in response.content.decode()
    published.refresh_from_db()
    assert published.state == "published"


def test_every_page_says_what_a_browser_may_do(visitor: Browser, dora: Browser) -> None:
    for response in (visitor.get("/"), dora.get("/"), dora.get("/nothing"), dora.post("/tokens", name="x", days="30")):
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        text = response.content.decode()
        assert "style=" not in text
        assert "<script>" not in text
        assert "onclick" not in text
    assert dora.get("/").headers["Cache-Control"] == "private, no-store"


def test_cookies_belong_to_this_host_alone(visitor: Browser, people: People) -> None:
    visitor.get("/sign-in")
    visitor.post("/sign-in", username=people.developer.username, password=PASSWORD)

    assert len(visitor.client.cookies) == 2
    for cookie in visitor.client.cookies.values():
        assert cookie.key.startswith("__Host-"), cookie.key
        assert cookie["httponly"]
        assert cookie["path"] == "/"
        assert not cookie["domain"]


def test_no_get_changes_anything(dora: Browser, settled_job: Job, provider: Provider) -> None:
    before = state()
    values = {
        "name": "word-count",
        "number": 1,
        "token_id": uuid4(),
        "invocation_id": settled_job.invocation_id,
        "provider_id": provider.id,
        "transaction_id": "x",
        "job_id": settled_job.id,
        "account_id": uuid4(),
        "grant_id": 1,
        "request_id": uuid4(),
    }
    for pattern in urlpatterns:
        wanted = {name: values[name] for name in pattern.pattern.converters}
        path = "/" + _filled(str(pattern.pattern), wanted)
        answer = dora.get(path)
        assert answer.status_code in {200, 302, 403, 404, 405}, path
        if answer.streaming:
            # Read to its end; closed by hand, it would take the test's database connection with it.
            assert b"".join(answer.streaming_content)

    assert state() == before


def _filled(route: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        for kind in ("slug", "int", "uuid"):
            route = route.replace(f"<{kind}:{name}>", str(value))
    return route

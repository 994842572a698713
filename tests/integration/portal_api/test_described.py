"""The API for people and for programs: a page that describes it, and JSON whatever goes wrong."""

import re
from http import HTTPStatus

import pytest
from django.core.exceptions import BadRequest
from django.test import Client

from portal.web.description import description
from tests.support.people import People, signed_in

PROBLEM = {"request_id", "component", "reason", "retryable", "hint"}


@pytest.mark.parametrize("path", ["/api/v1/account", "/api/v1/nothing", "/api/v1/openapi.json", "/api/v1/functions"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_another_host_is_refused_in_json(db: None, path: str, method: str) -> None:  # noqa: ARG001 - a fixture
    answer = getattr(Client(SERVER_NAME="evil.example"), method)(path)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert set(answer.json()) == PROBLEM
    assert answer.json()["reason"] == "invalid"
    assert "evil.example" not in answer.content.decode()


def test_another_host_s_pages_are_pages(db: None) -> None:  # noqa: ARG001 - a fixture
    answer = Client(SERVER_NAME="evil.example").get("/sign-in")

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_failure_outside_every_view_is_json_too(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("secret detail")

    client = signed_in(people.developer)
    client.raise_request_exception = False
    monkeypatch.setattr("portal.web.middleware.zone_of", broken)
    answer = client.get("/api/v1/account")
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert set(answer.json()) == PROBLEM
    assert "secret" not in answer.content.decode()

    def senseless(*_arguments: object) -> None:
        raise BadRequest("what")

    monkeypatch.setattr("portal.web.middleware.zone_of", senseless)
    assert set(client.get("/api/v1/account").json()) == PROBLEM


def test_every_call_is_described_with_an_example(db: None) -> None:  # noqa: ARG001 - a fixture
    answer = Client(SERVER_NAME="localhost").get("/api/v1/docs")

    assert answer.status_code == HTTPStatus.OK
    text = answer.content.decode()
    calls = [call for _, group in description().groups for call in group]
    assert len(calls) > 50
    for call in calls:
        assert f"<code>{call.path}</code>" in text
        assert call.text
        assert call.answers
        assert all(f'id="object-{answer.thing}"' in text for answer in call.answers if answer.thing)
        assert call.example.startswith("curl ")
    assert len(set(re.findall(r'id="([^"]+)"', text))) == len(re.findall(r'id="([^"]+)"', text))
    # Nothing comes from elsewhere.
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


def test_a_body_is_described_to_its_fields(db: None) -> None:  # noqa: ARG001 - a fixture
    (call,) = [
        call
        for _, group in description().groups
        for call in group
        if (call.method, call.path) == ("POST", "/api/v1/account/transfers")
    ]

    fields = {field.name: (field.kind, field.is_required) for field in call.body}
    assert fields == {"to": ("text", True), "amount_micro": ("whole number", True), "transfer_id": ("id", False)}
    assert call.needs_token
    assert call.example.endswith("$PORTAL/api/v1/account/transfers")
    assert '"amount_micro": 1' in call.example


def test_nothing_changes_by_looking(db: None) -> None:  # noqa: ARG001 - a fixture
    assert Client(SERVER_NAME="localhost").post("/api/v1/docs").status_code == HTTPStatus.METHOD_NOT_ALLOWED

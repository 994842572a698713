"""A developer's way from an image link to a live function and back, by hand."""

import json
from uuid import UUID, uuid4

import pytest

from portal.functions.models import Function, FunctionState
from portal.functions.queries import find_endpoint
from portal.gateway import app as gateway_app
from portal.gateway.calls import Bounds
from portal.gateway.gateway import deliver_to
from portal.gateway.http.exchange import HttpAnswer
from portal.gateway.http.routing import CallFunction
from portal.gateway.testing import InMemoryGatewayBroker, InMemoryRecords
from portal.gateway.waiting import WaitingCallers
from portal.invocations.models import DailySpending, Job
from portal.invocations.starting import Input
from portal.providers.models import Provider
from portal.web.views import running
from tests.integration.web.conftest import Browser
from tests.support.people import IMAGE_LINK, NOW, OTHER_LINK, People
from wire.limits import Limits

FORM = {
    "name": "word-count",
    "description": "Counts words.",
    "image_link": IMAGE_LINK,
    "architecture": "amd64",
    "output_type": "application/json",
    "environment": "LANG=C.UTF-8\r\n\r\nEMPTY=\r\nPAIR=a=b\r\n",
    "memory_mb": "64",
    "cpu_millis": "500",
    "timeout_seconds": "2.5",
    "processes": "8",
    "input_kib": "128",
    "output_kib": "64",
    "price_ceiling_nano_per_ms": "25",
    "budget_per_day": "0.5",
    "access": "token",
    "get_allowed": "on",
    "rate_per_minute": "30",
}


@pytest.mark.usefixtures("image_registry", "controller_keys")
def test_what_the_form_says_is_what_is_registered(dora: Browser) -> None:
    done = dora.post("/new-function", **FORM)

    assert done.url == "/functions/word-count"
    assert dora.messages(done)[0].startswith("The function is registered.")
    version = Function.objects.get().versions.get()
    assert version.limits == Limits(
        memory_mb=64, cpu_millis=500, timeout_ms=2500, processes=8, input_bytes=131_072, output_bytes=65_536
    )
    assert version.environment == {"LANG": "C.UTF-8", "EMPTY": "", "PAIR": "a=b"}
    assert (version.price_ceiling_nano_per_ms, version.budget_micro_per_day) == (25, 500_000)
    assert (version.access, version.get_allowed, version.rate_per_minute) == ("token", True, 30)
    assert version.image.startswith("registry.example/word-count@sha256:")


@pytest.mark.usefixtures("image_registry", "controller_keys")
def test_the_whole_life_of_a_function(dora: Browser) -> None:
    dora.post("/new-function", **FORM)
    assert "Publish version 1" in dora.text("/functions/word-count")

    assert "live" in dora.messages(dora.post("/functions/word-count/publish", version="1"))[-1]
    text = dora.text("/functions/word-count")
    assert "https://127.0.0.1:8444/f/dora/word-count" in text
    assert "Authorization: Bearer $TOKEN" in text

    form = dora.get("/functions/word-count/new-version").context["form"]
    assert form["timeout_seconds"].value() == "2.5"
    assert form["budget_per_day"].value() == "0.5"
    dora.post("/functions/word-count/new-version", **FORM | {"image_link": OTHER_LINK})
    assert OTHER_LINK in dora.text("/functions/word-count/versions/2")

    dora.post("/functions/word-count/publish", version="2")
    assert "callers get version 1 again" in dora.messages(dora.post("/functions/word-count/roll-back", version="1"))[-1]
    assert "Stopped." in dora.messages(dora.post("/functions/word-count/stop"))[-1]
    assert "Started." in dora.messages(dora.post("/functions/word-count/start"))[-1]
    assert Function.objects.get().state == FunctionState.PUBLISHED

    assert "type its name" in dora.messages(dora.post("/functions/word-count/delete", name="wordcount"))[-1]
    assert "deleted" in dora.messages(dora.post("/functions/word-count/delete", name="word-count"))[-1]
    assert Function.objects.get().state == FunctionState.DELETED
    assert dora.get("/functions/word-count").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "Word Count", "lower-case letters"),
        ("image_link", "word-count", "registry"),
        ("image_link", "registry.example/other:1", "no such image"),
        ("memory_mb", "1", "greater than or equal to 16"),
        ("timeout_seconds", "0.05", "greater than or equal to 0.1"),
        ("output_kib", "0", "at least 1"),
        ("environment", "no equals sign", "NAME=value"),
        ("environment", "lower=1", "upper-case"),
        ("budget_per_day", "1.0000001", "at most 6 decimals"),
        ("budget_per_day", "1e9", "credits"),
        ("price_ceiling_nano_per_ms", "-1", "greater than or equal to 0"),
        ("output_type", "text/html\r\nSet-Cookie: a=b", "content type"),
        ("access", "nobody", "not one of the available choices"),
        ("rate_per_minute", "0", "greater than or equal to 1"),
    ],
)
@pytest.mark.usefixtures("image_registry")
def test_a_wrong_field_is_named_and_everything_typed_is_kept(dora: Browser, field: str, value: str, said: str) -> None:
    response = dora.post("/new-function", **FORM | {field: value})

    assert response.status_code == 422
    assert said in " ".join(response.context["form"].errors[field])
    assert 'value="Counts words."' in response.content.decode()
    assert Function.objects.count() == 0


def test_the_first_prices_fit_what_providers_online_ask(
    dora: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    assert 'value="20"' in dora.text("/new-function")
    Provider.objects.filter(id=provider.id).update(last_seen_at=NOW, price_nano_per_ms=100_000)

    form = dora.get("/new-function").context["form"]

    assert form["price_ceiling_nano_per_ms"].value() == 100_000
    assert form["budget_per_day"].value() == "300"


def test_costs_are_said_in_words_while_the_form_is_filled_in(dora: Browser) -> None:
    query = "price_ceiling_nano_per_ms=50&timeout_seconds=30&budget_per_day=1"

    assert "A run at the full timeout of 30 s costs at most 0.0015 credits." in dora.text(f"/cost-example?{query}")
    assert "Give a price ceiling" in dora.text("/cost-example?price_ceiling_nano_per_ms=%3Cscript%3E")


def test_without_the_role_the_form_says_how_to_get_it(paul: Browser) -> None:
    response = paul.get("/new-function")

    assert response.status_code == 403
    assert "role developer" in response.content.decode()


def test_a_function_s_page_shows_its_calls_and_today_s_spending(
    dora: Browser, settled_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = settled_job.invocation.version.function
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    DailySpending.objects.create(function=function, day=NOW.date(), spent_micro=123_456)

    text = dora.text("/functions/word-count")

    assert "0.123456" in text
    assert f"/invocations/{settled_job.invocation_id}" in text
    assert str(settled_job.invocation_id)[:12] in dora.text("/functions/word-count/invocations")


@pytest.mark.usefixtures("published")
def test_running_once_shows_the_answer_and_where_its_record_is(
    dora: Browser, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[CallFunction, UUID, Input]] = []
    invocation_id = uuid4()

    def echo(route: CallFunction, *, caller_id: UUID, given: Input) -> HttpAnswer:
        calls.append((route, caller_id, given))
        headers = {"X-Invocation-Id": str(invocation_id), "X-Run-Ms": "12", "X-Cost-Micro": "7"}
        return HttpAnswer(status=200, body=given.body, content_type="text/html", headers=headers)

    monkeypatch.setattr(running, "through_gateway", echo)

    response = dora.post("/functions/word-count/run", input="<i>one</i>\r\ntwo", input_type="text/plain")

    given = Input(body=b"<i>one</i>\ntwo", media_type="text/plain")
    assert calls == [(CallFunction("dora", "word-count"), people.developer.id, given)]
    text = response.content.decode()
    assert "&lt;i&gt;one&lt;/i&gt;\ntwo</pre>" in text
    assert "<i>one" not in text
    assert f"/invocations/{invocation_id}" in text
    assert "0.000007 credits" in text


@pytest.mark.usefixtures("published")
def test_running_once_says_why_it_did_not_succeed(dora: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = {"reason": "no_provider", "hint": "No provider is online that fits.", "invocation_id": str(uuid4())}
    answer = HttpAnswer(status=503, body=json.dumps(problem).encode(), content_type="application/json")
    monkeypatch.setattr(running, "through_gateway", lambda *_, **__: answer)

    text = dora.post("/functions/word-count/run", input="", input_type="text/plain").content.decode()

    assert "No provider is online that fits." in text


def test_without_a_broker_running_once_says_so(
    dora: Browser, published: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = find_endpoint("dora", published.name)
    assert endpoint is not None
    waiting = WaitingCallers(1)
    records = InMemoryRecords(endpoints={("dora", published.name): endpoint})
    broker = InMemoryGatewayBroker(deliver_to(waiting))
    gateway = gateway_app.assemble(records, broker=broker, waiting=waiting, bounds=Bounds())
    monkeypatch.setattr(gateway_app, "application", gateway)

    text = dora.post("/functions/word-count/run", input="", input_type="text/plain").content.decode()

    assert "The controller cannot be reached." in text

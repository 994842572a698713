"""Running a function once from the browser, through the same gateway as every other call."""

from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.functions import queries
from portal.functions.models import Function
from portal.gateway.http.exchange import HttpAnswer
from portal.gateway.http.routing import CallFunction
from portal.invocations.starting import Input
from portal.web.forms.functions import RunForm
from portal.web.output import shown_text
from portal.web.views.acting import account_of, form_page
from wire.codec import parse_object


def through_gateway(route: CallFunction, *, caller_id: UUID, given: Input) -> HttpAnswer:
    """Hand what a developer wants to the gateway of this process, on its event loop."""
    from portal.gateway.app import application  # noqa: PLC0415 - composed once Django is set up

    return async_to_sync(application.run)(route, caller_id=caller_id, given=given)


@form_page
def run(request: HttpRequest, name: str) -> HttpResponse:
    """Run the function once and show what it answers."""
    function = queries.function_of(account_of(request), name)
    form, answer = RunForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        answer = _told(_answer(function, form))
    shown = {"function": function, "form": form, "answer": answer}
    return render(request, "web/run.html", shown, status=422 if form.errors else 200)


def _answer(function: Function, form: RunForm) -> HttpAnswer:
    # Browsers send line ends as CR LF; the function gets what the developer sees.
    body = form.cleaned_data["input"].replace("\r\n", "\n").encode()
    given = Input(body=body, media_type=form.cleaned_data["input_type"])
    route = CallFunction(function.owner.username, function.name)
    return through_gateway(route, caller_id=function.owner_id, given=given)


def _told(answer: HttpAnswer) -> dict[str, Any]:
    told = {
        "status": answer.status,
        "invocation_id": answer.headers.get("X-Invocation-Id"),
        "run_ms": answer.headers.get("X-Run-Ms"),
        "cost_micro": int(answer.headers.get("X-Cost-Micro", 0)),
    }
    if answer.status == 200:  # noqa: PLR2004 - HTTP's own
        return told | {"size": len(answer.body), "text": shown_text(answer.body), "content_type": answer.content_type}
    return told | {"problem": parse_object(answer.body)}

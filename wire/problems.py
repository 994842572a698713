"""Why a call was not answered with a result: one table of reasons, for every process that has to say one."""

from dataclasses import dataclass
from enum import StrEnum

from wire.outcomes import ExitState


class Reason(StrEnum):
    """The `reason` of a JSON error; stable, documented in docs/errors.md."""

    NOT_FOUND = "not_found"
    FUNCTION_STOPPED = "function_stopped"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    SIGNATURE_NEEDED = "signature_needed"
    INVALID = "invalid"
    CONFLICT = "conflict"
    GONE = "gone"
    INPUT_TOO_LARGE = "input_too_large"
    INPUT_TOO_SLOW = "input_too_slow"
    RATE_LIMITED = "rate_limited"
    BUDGET_SPENT = "budget_spent"
    INSUFFICIENT_DEPOSIT = "insufficient_deposit"
    NO_PROVIDER = "no_provider"
    PROVIDERS_BUSY = "providers_busy"
    PROVIDERS_FAILED = "providers_failed"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    FUNCTION_ERROR = "function_error"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_TOO_LARGE = "output_too_large"
    TIMED_OUT = "timed_out"
    NO_ANSWER = "no_answer"
    INTERNAL = "internal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What a reason means to the one who gets it."""

    http_status: int
    #: Which part says so: gateway, scheduler, function, provider, portal.
    component: str
    #: Whether the same request may succeed later without a change.
    retryable: bool
    #: What happened and what to do, in one or two sentences.
    hint: str


PROBLEMS: dict[Reason, Problem] = {
    Reason.NOT_FOUND: Problem(
        http_status=404, component="gateway", retryable=False, hint="There is nothing here. Check the address."
    ),
    Reason.FUNCTION_STOPPED: Problem(
        http_status=404, component="gateway", retryable=False, hint="The developer has stopped this function."
    ),
    Reason.METHOD_NOT_ALLOWED: Problem(
        http_status=405, component="gateway", retryable=False, hint="Use POST; this function does not answer GET."
    ),
    Reason.UNAUTHENTICATED: Problem(
        http_status=401,
        component="gateway",
        retryable=False,
        hint="Send 'Authorization: Bearer <token>' with a token that is neither expired nor revoked.",
    ),
    Reason.FORBIDDEN: Problem(
        http_status=403, component="gateway", retryable=False, hint="This account may not do that."
    ),
    Reason.SIGNATURE_NEEDED: Problem(
        http_status=403,
        component="portal",
        retryable=False,
        hint="The account is its owner's own: sign the operation in `fields` with its key and send it in.",
    ),
    Reason.INVALID: Problem(
        http_status=400,
        component="portal",
        retryable=False,
        hint="Correct the named fields and send it again.",
    ),
    Reason.CONFLICT: Problem(
        http_status=409, component="portal", retryable=False, hint="It was changed meanwhile, or exists. Load it again."
    ),
    Reason.GONE: Problem(
        http_status=410, component="portal", retryable=False, hint="It was valid once and is not any more."
    ),
    Reason.INPUT_TOO_LARGE: Problem(
        http_status=413,
        component="gateway",
        retryable=False,
        hint="The body is larger than the function takes.",
    ),
    Reason.INPUT_TOO_SLOW: Problem(
        http_status=408, component="gateway", retryable=True, hint="The body did not arrive in time. Send it again."
    ),
    Reason.RATE_LIMITED: Problem(
        http_status=429, component="gateway", retryable=True, hint="Too many calls a minute. Wait as Retry-After says."
    ),
    Reason.BUDGET_SPENT: Problem(
        http_status=429, component="scheduler", retryable=True, hint="The function's budget for today (UTC) is spent."
    ),
    Reason.INSUFFICIENT_DEPOSIT: Problem(
        http_status=402,
        component="scheduler",
        retryable=False,
        hint="The developer's deposit cannot cover this call.",
    ),
    Reason.NO_PROVIDER: Problem(
        http_status=503,
        component="scheduler",
        retryable=True,
        hint="No provider is online that fits the function's limits, architecture and price ceiling.",
    ),
    Reason.PROVIDERS_BUSY: Problem(
        http_status=503, component="scheduler", retryable=True, hint="All fitting providers were busy. Try again soon."
    ),
    Reason.PROVIDERS_FAILED: Problem(
        http_status=503,
        component="provider",
        retryable=True,
        hint="Several providers failed to run it. Try again soon.",
    ),
    Reason.OVERLOADED: Problem(
        http_status=503, component="gateway", retryable=True, hint="Too many calls are waiting. Try again soon."
    ),
    Reason.UNAVAILABLE: Problem(
        http_status=503, component="gateway", retryable=True, hint="The controller cannot be reached. Try again soon."
    ),
    Reason.FUNCTION_ERROR: Problem(
        http_status=502, component="function", retryable=False, hint="The function ended with an error of its own."
    ),
    Reason.OUT_OF_MEMORY: Problem(
        http_status=502, component="function", retryable=False, hint="The function needed more memory than its limit."
    ),
    Reason.OUTPUT_TOO_LARGE: Problem(
        http_status=502, component="function", retryable=False, hint="The function wrote more output than its limit."
    ),
    Reason.TIMED_OUT: Problem(
        http_status=504, component="function", retryable=False, hint="The function ran longer than its timeout."
    ),
    Reason.NO_ANSWER: Problem(
        http_status=504,
        component="gateway",
        retryable=False,
        hint="No result came in time; the invocation may still end. Ask for it by its id.",
    ),
    Reason.INTERNAL: Problem(
        http_status=500, component="portal", retryable=True, hint="Something unexpected failed; it was logged."
    ),
}

#: What the caller is told when the function itself did not return a result.
REASON_OF_EXIT: dict[ExitState, Reason] = {
    ExitState.FUNCTION_ERROR: Reason.FUNCTION_ERROR,
    ExitState.TIMED_OUT: Reason.TIMED_OUT,
    ExitState.OUT_OF_MEMORY: Reason.OUT_OF_MEMORY,
    ExitState.OUTPUT_TOO_LARGE: Reason.OUTPUT_TOO_LARGE,
}


def problem_body(reason: Reason, *, request_id: str, detail: str = "") -> dict[str, object]:
    """Return the JSON error of a reason: `{request_id, component, reason, retryable, hint}`."""
    problem = PROBLEMS[reason]
    return {
        "request_id": request_id,
        "component": problem.component,
        "reason": reason.value,
        "retryable": problem.retryable,
        "hint": detail or problem.hint,
    }

"""Why a call was not answered with a result: one table of reasons, for every process that has to say one."""

from enum import StrEnum
from typing import Any, Self

from wire.outcomes import ExitState


class Reason(StrEnum):
    """The `reason` of a JSON error, and what it means to the one who gets it; stable, documented in docs/errors.md."""

    http_status: int
    #: Which part says so: gateway, scheduler, function, provider, portal.
    component: str
    #: Whether the same request may succeed later without a change.
    retryable: bool
    #: What happened and what to do, in one or two sentences.
    hint: str

    NOT_FOUND = "not_found", 404, "gateway", False, "There is nothing here. Check the address."
    FUNCTION_STOPPED = "function_stopped", 404, "gateway", False, "The developer has stopped this function."
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "gateway", False, "Use POST; this function does not answer GET."
    UNAUTHENTICATED = (
        "unauthenticated",
        401,
        "gateway",
        False,
        "Send 'Authorization: Bearer <token>' with a token that is neither expired nor revoked.",
    )
    FORBIDDEN = "forbidden", 403, "gateway", False, "This account may not do that."
    SIGNATURE_NEEDED = (
        "signature_needed",
        403,
        "portal",
        False,
        "The account is its owner's own: sign the operation in `fields` with its key and send it in.",
    )
    INVALID = "invalid", 400, "portal", False, "Correct the named fields and send it again."
    CONFLICT = "conflict", 409, "portal", False, "It was changed meanwhile, or exists. Load it again."
    GONE = "gone", 410, "portal", False, "It was valid once and is not any more."
    INPUT_TOO_LARGE = "input_too_large", 413, "gateway", False, "The body is larger than the function takes."
    INPUT_TOO_SLOW = "input_too_slow", 408, "gateway", True, "The body did not arrive in time. Send it again."
    RATE_LIMITED = "rate_limited", 429, "gateway", True, "Too many calls a minute. Wait as Retry-After says."
    BUDGET_SPENT = "budget_spent", 429, "scheduler", True, "The function's budget for today (UTC) is spent."
    INSUFFICIENT_DEPOSIT = (
        "insufficient_deposit",
        402,
        "scheduler",
        False,
        "The developer's deposit cannot cover this call.",
    )
    NO_PROVIDER = (
        "no_provider",
        503,
        "scheduler",
        True,
        "No provider is online that fits the function's limits, architecture and price ceiling.",
    )
    PROVIDERS_BUSY = "providers_busy", 503, "scheduler", True, "All fitting providers were busy. Try again soon."
    PROVIDERS_FAILED = "providers_failed", 503, "provider", True, "Several providers failed to run it. Try again soon."
    OVERLOADED = "overloaded", 503, "gateway", True, "Too many calls are waiting. Try again soon."
    UNAVAILABLE = "unavailable", 503, "gateway", True, "The controller cannot be reached. Try again soon."
    FUNCTION_ERROR = "function_error", 502, "function", False, "The function ended with an error of its own."
    OUT_OF_MEMORY = "out_of_memory", 502, "function", False, "The function needed more memory than its limit."
    OUTPUT_TOO_LARGE = "output_too_large", 502, "function", False, "The function wrote more output than its limit."
    TIMED_OUT = "timed_out", 504, "function", False, "The function ran longer than its timeout."
    NO_ANSWER = (
        "no_answer",
        504,
        "gateway",
        False,
        "No result came in time; the invocation may still end. Ask for it by its id.",
    )
    INTERNAL = "internal", 500, "portal", True, "Something unexpected failed; it was logged."

    def __new__(cls, value: str, *meaning: Any) -> Self:
        """Make a row of the table."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.http_status, reason.component, reason.retryable, reason.hint = meaning
        return reason


#: What the caller is told when the function itself did not return a result.
REASON_OF_EXIT: dict[ExitState, Reason] = {
    ExitState.FUNCTION_ERROR: Reason.FUNCTION_ERROR,
    ExitState.TIMED_OUT: Reason.TIMED_OUT,
    ExitState.OUT_OF_MEMORY: Reason.OUT_OF_MEMORY,
    ExitState.OUTPUT_TOO_LARGE: Reason.OUTPUT_TOO_LARGE,
}


def problem_body(reason: Reason, *, request_id: str, detail: str = "") -> dict[str, object]:
    """Return the JSON error of a reason: `{request_id, component, reason, retryable, hint}`."""
    return {
        "request_id": request_id,
        "component": reason.component,
        "reason": reason.value,
        "retryable": reason.retryable,
        "hint": detail or reason.hint,
    }

"""What the OpenAPI description needs besides the views: how to sign in, and what an error looks like."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

_PROBLEM = {
    "type": "object",
    "description": "What went wrong, and what to do.",
    "required": ["request_id", "component", "reason", "retryable", "hint"],
    "properties": {
        "request_id": {"type": "string", "format": "uuid"},
        "component": {"type": "string", "description": "Which part says so."},
        "reason": {"type": "string", "description": "Stable; docs/errors.md."},
        "retryable": {"type": "boolean", "description": "Whether the same may succeed later without a change."},
        "hint": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {}, "description": "What is wrong with which field."},
    },
}
_ANSWER = {
    "description": "An error.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # drf-spectacular's own
    """API tokens."""

    target_class = "portal.api.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API token of an account."}


def add_problems(result: dict[str, Any], **_ignored: Any) -> dict[str, Any]:
    """Give every operation its errors (drf-spectacular's POSTPROCESSING_HOOKS)."""
    result["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = _ANSWER
    return result

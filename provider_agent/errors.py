"""The one error root of this package."""


class AgentError(Exception):
    """Something on the provider's machine is not as it should be; the message says what, and what to do."""

"""The hot path: function endpoints as plain ASGI."""

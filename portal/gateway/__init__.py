"""The hot path: function endpoints on a host of their own. Plain ASGI, no Django middleware."""

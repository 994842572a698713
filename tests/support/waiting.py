"""Waiting for a condition: `wait_for(what, ready, seconds)`. Tests never sleep."""

from deploy.servers.waiting import wait_for

__all__ = ["wait_for"]

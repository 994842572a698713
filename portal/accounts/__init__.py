"""Participants: accounts, roles, API tokens."""

"""Requests of end users, the jobs that serve them, and their results."""

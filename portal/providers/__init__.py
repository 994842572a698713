"""Enrolled machines and their access to the broker."""

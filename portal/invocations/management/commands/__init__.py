"""Processes and clean-up, started by `manage.py`."""

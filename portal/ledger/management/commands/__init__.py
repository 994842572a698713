"""`manage.py make_keys`, `ledger`, `top_up`."""

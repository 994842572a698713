"""One-time enrolment codes: easy to read out and to type, hopeless to guess."""

import secrets

#: Crockford's base 32: no I, L, O, U.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _GROUP = 4, 5


def new_code() -> str:
    """Return a random code of 100 bits, such as `7K3QX-0M2ZD-9VR4T-HJ8WB`."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))

"""The portal's tests hash passwords quickly."""

import pytest


@pytest.fixture(autouse=True)
def _quickly(quick_passwords: None) -> None:
    """Hash them so."""

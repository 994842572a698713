"""In whose time zone something is shown."""

import zoneinfo

from portal.accounts.models import Account


def zone_of(account: object) -> zoneinfo.ZoneInfo:
    """Return an account's time zone; UTC for a visitor."""
    name = account.time_zone if isinstance(account, Account) else "UTC"
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")

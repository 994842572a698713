"""What every template may use."""

from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.models import Account, Role, RoleState


def page(request: HttpRequest) -> dict[str, object]:
    """Return the roles of the account that asks, and the zone in which times are shown."""
    # A request that is refused early, as for another host name, never met who asks.
    account = getattr(request, "user", None)
    held: set[str] = set()
    if isinstance(account, Account):
        held = set(account.roles.filter(state=RoleState.ACTIVE).values_list("role", flat=True))
    return {
        "is_developer": Role.DEVELOPER in held,
        "is_provider": Role.PROVIDER in held,
        "is_peer": Role.PEER in held,
        "zone_name": timezone.get_current_timezone_name(),
    }

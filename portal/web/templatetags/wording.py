"""How values read on a page: moments, durations, money, states, reasons."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.web.costs import amount_text
from wire.money import credits_text
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason

register = template.Library()

#: What a key on the ledger may do, by role.
KEY_ROLES = {
    "controller": "Recorder: creates and confirms jobs",
    "ticket_root": "Root: vouches for the keys that sign tickets",
    "custody": "Custody: acts for accounts without a key of their own",
    "treasury": "Treasury: proposes money in and out",
    "authority": "Authority: an organisation's approval",
    "provider": "Machine: signs receipts",
    "owner": "Account: moves its own money",
    "operator": "Peer: attests what its node has",
}
_REASONS: dict[str, str] = {item: item.hint for item in Reason}
_ENDINGS: dict[str, str] = {item: item.sentence for item in ExitState}
_REFUSALS: dict[str, str] = {item: item.sentence for item in RefusalReason}
_NOTHING = "\N{EN DASH}"
_SECOND = 1000
_MINUTE = 60 * _SECOND
#: How states are coloured: good, on their way, or not.
_GOOD = "active, published, succeeded, finished, settled, committed, online, done, attested, shared, well"
_BUSY = (
    "pending, placed, accepted, started, submitted, created, receipted, confirmed, draft, claimed, "
    "opening, asked, approved_once, approved, proposed, refusing, waiting, open, mismatch"
)
_BAD = "failed, lost, refused, set_aside, expired, look here, contradicted, disputed, silent"
_TONES = {
    state: tone for tone, states in (("good", _GOOD), ("busy", _BUSY), ("bad", _BAD)) for state in states.split(", ")
}


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Return a moment in the account's time zone, to the second."""
    return _NOTHING if value is None else _time_element(value, "%-d %b %Y, %H:%M:%S")


@register.filter
def exact_moment(value: datetime | None) -> SafeString | str:
    """Return a moment in the account's time zone, to the millisecond."""
    if value is None:
        return _NOTHING
    return _time_element(value, f"%-d %b %Y, %H:%M:%S.{value.microsecond // 1000:03d}")


@register.filter
def moment_of_ms(value: int | None) -> SafeString | str:
    """Return a moment that a record on the ledger has in milliseconds since 1970."""
    return exact_moment(None if value is None else datetime.fromtimestamp(value / _SECOND, UTC))


def _time_element(value: datetime, form: str) -> SafeString:
    exact = value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return format_html('<time datetime="{}">{}</time>', exact, timezone.localtime(value).strftime(form))


@register.filter
def duration(milliseconds: int | None) -> str:
    """Return a duration as people read it: `12 ms`, `1.24 s`, `2 min 5 s`."""
    if milliseconds is None:
        return _NOTHING
    if milliseconds < _SECOND:
        return f"{milliseconds} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / _SECOND:.3g} s"
    minutes, rest = divmod(round(milliseconds / _SECOND), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


@register.filter
def exact_duration(milliseconds: int | None) -> str:
    """Return a duration as people read it, and to the millisecond where that says less."""
    text = duration(milliseconds)
    return text if milliseconds is None or milliseconds < _SECOND else f"{text} ({milliseconds} ms)"


@register.filter
def money(micro: int | None) -> str:
    """Return an amount in credits."""
    return _NOTHING if micro is None else amount_text(micro)


@register.filter
def number_of_credits(micro: int) -> str:
    """Return an amount in credits without the word."""
    return credits_text(micro)


@register.filter
def signed_money(micro: int) -> str:
    """Return an amount in credits with its sign."""
    return f"+{credits_text(micro)}" if micro > 0 else credits_text(micro).replace("-", "\N{MINUS SIGN}")


@register.filter
def percent(ppm: int) -> str:
    """Return millionths as a share in percent."""
    return f"{ppm / 10_000:g} %"


@register.filter
def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    for unit, bytes_each in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= bytes_each:
            return f"{count / bytes_each:.4g} {unit}"
    return f"{count} bytes"


@register.filter
def badge(state: str) -> SafeString:
    """Return a state as a coloured word."""
    return format_html('<span class="badge {}">{}</span>', _TONES.get(state, "plain"), state.replace("_", " "))


@register.filter
def why(reason: str) -> str:
    """Return the sentence of an invocation's reason."""
    return _REASONS.get(reason, reason)


@register.filter
def ending(exit_state: str) -> str:
    """Return the sentence of how a container ended."""
    return _ENDINGS.get(exit_state, exit_state)


@register.filter
def refusing(reason: str) -> str:
    """Return the sentence of why an agent did not take a ticket."""
    return _REFUSALS.get(reason, reason)


@register.filter
def short(identifier: object) -> str:
    """Return the beginning of a long id or digest; its full text stands elsewhere on the page or behind the link."""
    text = str(identifier)
    return f"{text[:12]}…" if len(text) > 13 else text  # noqa: PLR2004 - no saving below that


@register.filter
def key_role(role: str) -> str:
    """Return what a key of a role may do."""
    return KEY_ROLES.get(role, role)


@register.filter
def spaced(word: str) -> str:
    """Return a name of ours as people read it: `timed_out` becomes `timed out`."""
    return word.replace("_", " ")


@register.filter
def begins(path: str, prefix: str) -> bool:
    """Return whether a path lies under a prefix."""
    return path == prefix or path.startswith(f"{prefix}/")

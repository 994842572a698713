"""Names that this chaincode and its clients share: the functions, the event, and the server's own keys."""

from collections.abc import Iterator

CHAINCODE = "market"

#: Functions that write.
SUBMIT = "submit"
GENESIS = "genesis"
PROBE = "probe"
#: Functions that only read.
GET = "get"
ITEMS = "items"
HISTORY = "history"
RECORDED = "recorded"
OWN_JOB = "own_job"

#: The one event of a transaction; its content is the list of the contracts' events.
EVENT = "operations.v1"

#: What `recorded` answers for a transaction that no block holds.
UNKNOWN = ""
#: At most so many keys a page; a page is of one moment.
MAX_PAGE = 20_000

#: Keys that belong to this server and not to the contracts begin so.
_OWN = "fabric~"


def is_own(key: str) -> bool:
    """Return whether a key is the server's own: it is no part of the contracts' state."""
    return key.startswith(_OWN)


def without_own(first: str, end: str) -> Iterator[tuple[str, str]]:
    """Yield the range of keys from `first` to before `end` (to the last, if empty) without the server's own keys.

    A peer ends a query without a word at its `totalQueryLimit`, and there is an own key for each transaction.
    """
    after_own = f"{_OWN[:-1]}{chr(ord(_OWN[-1]) + 1)}"
    if first < _OWN:
        yield first, min(end, _OWN) if end else _OWN
    if not end or end > after_own:
        yield max(first, after_own), end


def recorded(transaction_id: str) -> str:
    """Return where it lies under which id Fabric has a transaction of ours: no second one takes its place."""
    return f"{_OWN}transaction~{transaction_id}"


def probe() -> str:
    """Return where the newest probe lies: the transaction by which a network shows that it works."""
    return f"{_OWN}probe"

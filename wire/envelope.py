"""Messages to bytes and back."""

from typing import TypeVar

from wire import messages
from wire.codec import canonical_json, from_plain, parse_object, to_plain
from wire.errors import UnknownMessage
from wire.messages import Message

M = TypeVar("M", bound=Message)

#: Every kind with its type.
KINDS: dict[str, type[Message]] = {
    item.kind: item
    for item in vars(messages).values()
    if isinstance(item, type) and issubclass(item, Message) and item is not Message
}


def dump(value: Message) -> bytes:
    """Return a message as the bytes that are sent."""
    return canonical_json({"kind": value.kind, **to_plain(value)})


def parse(data: bytes | str) -> Message:
    """Read a message of any kind.

    :raises Malformed: when it is no JSON object, or a field is missing or wrong.
    :raises UnknownMessage: when no such kind exists.
    """
    plain = parse_object(data)
    kind = plain.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownMessage(f"unknown message kind {kind!r}")
    return from_plain(KINDS[kind], plain)


def parse_as(cls: type[M], data: bytes | str) -> M:
    """Read a message that has to be of one kind.

    :raises Malformed: when it is no JSON object, or a field is missing or wrong.
    :raises UnknownMessage: when it is of another kind.
    """
    value = parse(data)
    if not isinstance(value, cls):
        raise UnknownMessage(f"expected {cls.kind}, got {value.kind}")
    return value

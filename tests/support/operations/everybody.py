"""What has to hold on every ledger: nobody does what is not theirs to do, and bad arguments are refused by name."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from chaincode.contracts.execution.registered import TRANSACTIONS
from tests.support.ledger import KEYS, World
from tests.support.operations.examples import PINNED, UNKNOWN, Example, examples
from wire.codec import canonical_json
from wire.ledger.operations import RegisterOperator, operation_text
from wire.signing import OPERATION, SigningKey

#: Of another type than any argument, or out of what it may say.
WRONG: tuple[Any, ...] = (None, -1, 2**63, 2**64, 1.5, True, "", "x~y", "\x00", "\u00e9" * 500, [], [[]], {}, {"a": 1})
_MAX_OPERATIONS = 900
_series = itertools.count()


def assert_each_kind_has_an_example() -> None:
    """Fail when an operation was added to the contracts and not to the examples."""
    assert {example.arguments.kind for example in examples()} == set(TRANSACTIONS)


def assert_nobody_does_what_is_not_theirs(world: World) -> None:
    """Let everybody sign each operation that is not theirs."""
    _let_olga_run_peers(world)
    before = _state(world)
    attempts = [(name, example) for example in _examples(world) for name in (*PINNED, *UNKNOWN)]
    wrong = [(name, example) for name, example in attempts if name not in example.allowed]
    texts = [_key(name).sign(_text(world, example, name).encode(), OPERATION) for name, example in wrong]

    for (name, example), result in zip(wrong, _results(world, texts), strict=True):
        # Who is nobody to the ledger may carry evidence to it, as anybody may, but not write it.
        expected = "unknown_key" if name in UNKNOWN else "not_authorised"
        assert result.reason == expected, (name, example.arguments.kind, result)
    assert _state(world) == before


def assert_nobody_submits_what_is_not_theirs(world: World) -> None:
    """Let everybody that the ledger knows hand in each operation, unsigned, in a transaction of their own."""
    _let_olga_run_peers(world)
    before = _state(world)
    for name in PINNED:
        wrong = [example for example in _examples(world) if name not in example.allowed]
        results = world.run(*(_text(world, example, name) for example in wrong), by=_key(name))
        for example, result in zip(wrong, results, strict=True):
            assert result.reason == "not_authorised", (name, example.arguments.kind, result)
    assert _state(world) == before


def assert_bad_arguments_are_refused_by_name(world: World) -> None:
    """Put what is wrong into each argument of each operation, in turn."""
    _let_olga_run_peers(world)
    before = _state(world)
    cases = [case for example in _examples(world) if example.allowed for case in _spoilt(world, example)]
    texts = [_key(min(example.allowed)).sign(text.encode(), OPERATION) for example, _, _, text in cases]

    for (example, name, value, _), result in zip(cases, _results(world, texts), strict=True):
        told = (example.arguments.kind, name, value, result)
        assert result.status == "refused", told
        assert result.reason not in {"", "raised"}, told
        # Else it is what the argument may be, and what it is about does not exist, or fits to no other argument.
        if result.reason == "malformed" or (result.reason == "bad_signature" and isinstance(value, str)):
            assert name in result.detail, told
    assert _state(world) == before


def _let_olga_run_peers(world: World) -> None:
    arguments = RegisterOperator(operator_id="olga", public_key_pem=KEYS.olga.public.pem)
    assert world.enact(arguments) in {"applied", "operator_exists"}


def _spoilt(world: World, example: Example) -> Iterator[tuple[Example, str, Any, str]]:
    author = min(example.allowed)
    plain = json.loads(_text(world, example, author))
    for name in plain["arguments"]:
        for value in WRONG:
            if value == getattr(example.arguments, name):
                continue
            spoilt = {**plain, "arguments": {**plain["arguments"], name: value}}
            yield (
                example,
                name,
                value,
                canonical_json({**spoilt, "operation_id": _operation_id(world, example, author)}).decode(),
            )
        left = {key: item for key, item in plain["arguments"].items() if key != name}
        yield example, name, None, canonical_json({**plain, "arguments": left}).decode()


def _examples(world: World) -> list[Example]:
    return list(examples(world.now_ms))


def _text(world: World, example: Example, author: str) -> str:
    return operation_text(_operation_id(world, example, author), example.arguments)


def _operation_id(world: World, example: Example, author: str) -> str:
    return world.own_id(example.arguments.kind, _key(author), f"attempt-{next(_series)}")


def _results(world: World, texts: Sequence[str]) -> Iterator[Any]:
    for first in range(0, len(texts), _MAX_OPERATIONS):
        yield from world.run(*texts[first : first + _MAX_OPERATIONS])


def _state(world: World) -> dict[str, str]:
    return dict(world.ledger.items(""))


def _key(name: str) -> SigningKey:
    key: SigningKey = getattr(KEYS, name)
    return key

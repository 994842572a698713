"""Which operations can be called: only what a contract registers as a transaction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from chaincode.contracts.execution.context import Context
from chaincode.contracts.operations import Arguments

A = TypeVar("A", bound=Arguments)
Names = Callable[[A], Iterable[str]]
Method = Callable[[Any, Context, A], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction:
    """One registered operation."""

    arguments: type[Arguments]
    #: Names the keys that it will need from its arguments, so that a batch reads them all at once.
    reads: Callable[[Any], Iterable[str]]
    apply: Callable[[Context, Any], None]


class Contract:
    """A class of transactions and nothing else."""

    _methods: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._methods = tuple(name for name, value in vars(cls).items() if hasattr(value, "transaction"))

    def transactions(self) -> Iterator[tuple[str, Transaction]]:
        """Yield what can be called, by kind."""
        for name in self._methods:
            method = getattr(self, name)
            arguments, reads = method.transaction
            yield arguments.kind, Transaction(arguments=arguments, reads=reads, apply=method)


def transaction(arguments: type[A], *, reads: Names[A]) -> Callable[[Method[A]], Method[A]]:
    """Register a contract's method for one kind of operation."""

    def register(method: Method[A]) -> Method[A]:
        method.transaction = (arguments, reads)  # type: ignore[attr-defined]
        return method

    return register

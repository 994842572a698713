"""Which operations can be called: only what a contract registers as a transaction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from chaincode.contracts.transaction.context import Context
from wire.ledger.operations import Arguments
from wire.ledger.states import KeyRole

A = TypeVar("A", bound=Arguments)
Names = Callable[[A], Iterable[str]]
Method = Callable[[Any, Context, A], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredTransaction:
    """One registered operation."""

    arguments: type[Arguments]
    #: Names the keys that it will need from its arguments, so that a batch reads them all at once.
    reads: Callable[[Any], Iterable[str]]
    apply: Callable[[Context, Any], None]
    #: Who may propose it; then it waits for an authority of each organisation. Empty: it is applied at once.
    proposers: tuple[KeyRole, ...] = ()


class Contract:
    """A class of transactions and nothing else."""

    _methods: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._methods = tuple(name for name, value in vars(cls).items() if hasattr(value, "transaction"))

    def transactions(self) -> Iterator[tuple[str, RegisteredTransaction]]:
        """Yield what can be called, by kind."""
        for name in self._methods:
            method = getattr(self, name)
            arguments, reads, proposers = method.transaction
            yield (
                arguments.kind,
                RegisteredTransaction(arguments=arguments, reads=reads, apply=method, proposers=proposers),
            )


def transaction(arguments: type[A], *, reads: Names[A]) -> Callable[[Method[A]], Method[A]]:
    """Register a contract's method for one kind of operation."""

    def register(method: Method[A]) -> Method[A]:
        method.transaction = (arguments, reads, ())  # type: ignore[attr-defined]
        return method

    return register


def governed(arguments: type[A], *, by: tuple[KeyRole, ...]) -> Callable[[Method[A]], Method[A]]:
    """Register a contract's method for operations that one of these roles proposes and both organisations approve.

    The method runs when the last organisation approves; its authority is that, so it asks for no role itself.
    """

    def register(method: Method[A]) -> Method[A]:
        method.transaction = (arguments, _no_reads, by)  # type: ignore[attr-defined]
        return method

    return register


def _no_reads(_arguments: Arguments) -> Iterable[str]:
    """Name no keys beforehand: governed operations are rare."""
    return ()

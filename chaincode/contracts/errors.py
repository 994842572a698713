"""What contracts raise: the one error root of this package."""

from wire.ledger.refusals import SENTENCES, Refusal


class ContractError(Exception):
    """The contracts cannot do what was asked."""


class Refused(ContractError):
    """One operation is refused; nothing of it is kept."""

    def __init__(self, code: Refusal, detail: str = "") -> None:
        super().__init__(f"{code}: {detail or SENTENCES[code]}")
        self.code = code
        self.detail = detail or SENTENCES[code]

"""What a request says is stored whole, and each part of it is approved."""

from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import pytest

from portal.governance.content import (
    CONTENTS,
    Content,
    Decision,
    Fees,
    KeyEnd,
    NewKey,
    NewOperator,
    PayoutContent,
    TopUp,
)
from portal.governance.content import to_columns as stored
from portal.governance.models import GovernedRequest

ACCOUNT, OTHER = str(uuid4()), str(uuid4())
EXAMPLES: tuple[Content, ...] = (
    TopUp(account_id=ACCOUNT, amount_micro=5, note="by bank", reference="bank-1"),
    PayoutContent(account_id=ACCOUNT, amount_micro=5, note="to a bank", payout_id="rent", reference="bank-1"),
    Fees(version=2, platform_ppm=1, peers_ppm=3),
    NewKey(account_id=ACCOUNT, note="lost", role="owner", holder=ACCOUNT, key_id="abc", public_key_pem="PEM"),
    KeyEnd(note="stolen", role="treasury", holder="", key_id="abc"),
    Decision(note="no output", job_id="job", pay_ms=0),
    NewOperator(account_id=ACCOUNT, note="joined", key_id="abc", public_key_pem="PEM"),
)


@pytest.mark.parametrize("content", EXAMPLES, ids=lambda content: content.kind)
def test_a_request_says_what_was_stored(content: Content) -> None:
    assert GovernedRequest(**stored(content)).content == content
    assert content.operation().kind == content.leads_to.kind


def test_there_is_an_example_of_each_kind() -> None:
    assert {content.kind for content in EXAMPLES} == set(CONTENTS)


@pytest.mark.parametrize("content", EXAMPLES, ids=lambda content: content.kind)
def test_each_part_of_the_content_is_approved(content: Content) -> None:
    request = GovernedRequest(**stored(content))
    altered = [replace(content, **{field.name: other(content, field.name)}) for field in fields(content)]

    digests = {request.digest, *(GovernedRequest(id=request.id, **stored(one)).digest for one in altered)}

    assert len(digests) == 1 + len(altered)


def other(content: Content, name: str) -> Any:
    value = getattr(content, name)
    if name == "account_id":
        return OTHER
    return value + 1 if isinstance(value, int) else f"{value}."

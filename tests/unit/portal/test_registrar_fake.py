"""The in-memory registrar keeps the contract of registrars."""

import pytest

from portal.membership.errors import RegistrarUnavailable
from portal.membership.testing import InMemoryRegistrar
from tests.support.portal.registrar_contract import RegistrarContract, newcomer
from wire.enrolment import certificate_request


class TestInMemoryRegistrar(RegistrarContract):
    @pytest.fixture
    def registrar(self) -> InMemoryRegistrar:
        return InMemoryRegistrar()


def test_a_registrar_that_is_away_says_so() -> None:
    registrar = InMemoryRegistrar(is_away=True)
    member, key = newcomer()

    with pytest.raises(RegistrarUnavailable):
        registrar.certify(member, certificate_request(member.name, key))

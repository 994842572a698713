import pytest

from portal.environment import SettingError, http_address_setting, integer_setting

_NAMES = ("CHAINFAAS_SCHEDULER_HTTP", "CHAINFAAS_LEDGER_HTTP", "CHAINFAAS_SIGNER_HTTP")


@pytest.mark.parametrize("name", _NAMES)
def test_an_address_is_a_host_and_a_port(name: str) -> None:
    assert http_address_setting(name, {name: "127.0.0.1:9101"}) == ("127.0.0.1", 9101)


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("text", ["", "9101", ":9101", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:٣"])
def test_any_other_address_is_named_with_its_setting(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"{name}=.*expected host:port"):
        http_address_setting(name, {name: text})


@pytest.mark.parametrize("text", ["", "two", "-4", "2", "3.5", "٣"])
def test_a_number_that_is_none_or_too_small_is_named_with_its_setting(text: str) -> None:
    with pytest.raises(SettingError, match="CHAINFAAS_OUTBOX_DAYS="):
        integer_setting("CHAINFAAS_OUTBOX_DAYS", {"CHAINFAAS_OUTBOX_DAYS": text}, least=3)

"""Where the controller finds the broker, and who it is there."""

from portal.environment import integer_setting, secret_setting, setting
from scheduler.transport.rabbitmq import BrokerLogin


def broker_login() -> BrokerLogin:
    """Return the login of scheduler and gateway, from the environment.

    :raises SettingError: when a setting is missing or wrong.
    """
    return BrokerLogin(
        host=setting("CHAINFAAS_BROKER_HOST"),
        port=integer_setting("CHAINFAAS_BROKER_PORT"),
        vhost=setting("CHAINFAAS_BROKER_VHOST"),
        user=setting("CHAINFAAS_BROKER_USER"),
        password=secret_setting("CHAINFAAS_BROKER_PASSWORD_FILE"),
    )

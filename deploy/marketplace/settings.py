"""The settings of a marketplace's controller, as its processes find them in their environment."""

from deploy.marketplace.layout import Layout
from deploy.marketplace.servers import Servers

DATABASE = "chainfaas"
#: Processes of portal and gateway.
GATEWAY_WORKERS = 2


def controller_settings(layout: Layout, servers: Servers) -> dict[str, str]:
    """Return what portal/environment.py reads; secrets are files."""
    broker, postgresql = servers.broker, servers.postgresql
    ports = layout.ports
    database = {"CHAINFAAS_DATABASE_URL": f"sqlite://{layout.sqlite_file}"}
    if postgresql is not None:
        database = {
            "CHAINFAAS_DATABASE_URL": postgresql.url(DATABASE),
            "CHAINFAAS_DATABASE_PASSWORD_FILE": str(layout.secret("postgresql")),
        }
    return {
        **database,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "CHAINFAAS_SECRET_KEY_FILE": str(layout.secret("django")),
        "CHAINFAAS_PORTAL_URL": layout.ports.portal_url,
        "CHAINFAAS_FUNCTIONS_URL": layout.ports.functions_url,
        "CHAINFAAS_BROKER_HOST": "127.0.0.1",
        "CHAINFAAS_BROKER_PORT": str(broker.port),
        "CHAINFAAS_BROKER_VHOST": broker.vhost,
        "CHAINFAAS_BROKER_USER": broker.user,
        "CHAINFAAS_BROKER_PASSWORD_FILE": str(layout.secret("broker")),
        "CHAINFAAS_BROKER_ADMIN_URL": broker.admin_url,
        "CHAINFAAS_BROKER_PUBLIC_URL": f"amqps://localhost:{broker.tls_port}",
        "CHAINFAAS_KEYS_DIR": str(layout.keys),
        "CHAINFAAS_LEDGER_FILE": str(layout.ledger_file),
        # Not whichever a shell happens to have set.
        "CHAINFAAS_FABRIC_PROFILE": "",
        "CHAINFAAS_FABRIC_REGISTRAR": "",
        "CHAINFAAS_REGISTRIES": servers.registry.url,
        "CHAINFAAS_GATEWAY_WORKERS": str(GATEWAY_WORKERS),
        "CHAINFAAS_SCHEDULER_HTTP": f"127.0.0.1:{ports.scheduler}",
        "CHAINFAAS_LEDGER_HTTP": f"127.0.0.1:{ports.ledger}",
        "CHAINFAAS_SIGNER_HTTP": f"127.0.0.1:{ports.signer}",
    }

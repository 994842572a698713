"""Composition root of the gateway: `portal.gateway.app:application`."""

import os
import time
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from portal.broker_login import broker_login  # noqa: E402 - models need Django set up
from portal.environment import integer_setting  # noqa: E402
from portal.gateway.cache import TimedCache  # noqa: E402
from portal.gateway.callers import Callers  # noqa: E402
from portal.gateway.calls import Bounds, Calls  # noqa: E402
from portal.gateway.gateway import FunctionGateway, deliver_to  # noqa: E402
from portal.gateway.ports import GatewayBroker, Records  # noqa: E402
from portal.gateway.rabbitmq import RabbitGatewayBroker  # noqa: E402
from portal.gateway.records import DatabaseRecords  # noqa: E402
from portal.gateway.results import Results  # noqa: E402
from portal.gateway.waiting import WaitingCallers  # noqa: E402
from portal.invocations.rates import Rates  # noqa: E402
from portal.invocations.starting import Means  # noqa: E402

#: A new live version, a stop, or another limit takes effect within this.
ENDPOINT_SECONDS = 1.0
#: A revoked token works for this long at most.
TOKEN_SECONDS = 5.0


def assemble(
    records: Records, *, broker: GatewayBroker, waiting: WaitingCallers, bounds: Bounds, workers: int = 1
) -> FunctionGateway:
    """Return a gateway over some database and broker."""
    callers = Callers(TimedCache(records.account_of, seconds=TOKEN_SECONDS, clock=time.monotonic))
    results = Results(records, callers)
    calls = Calls(
        endpoints=TimedCache(records.endpoint, seconds=ENDPOINT_SECONDS, clock=time.monotonic),
        callers=callers,
        waiting=waiting,
        means=Means(
            requests=broker,
            rates=Rates(workers=workers),
            clock=lambda: time.time_ns() // 1_000_000,
            monotonic=time.monotonic,
            placing_seconds=bounds.placing_seconds,
        ),
        results=results,
        bounds=bounds,
    )
    return FunctionGateway(calls=calls, results=results, broker=broker, records=records)


def build() -> FunctionGateway:
    """Return the gateway of this process, from the environment."""
    bounds = Bounds()
    waiting = WaitingCallers(bounds.calls)
    broker = RabbitGatewayBroker(broker_login(), deliver_to(waiting), gateway_id=uuid4().hex)
    workers = integer_setting("CHAINFAAS_GATEWAY_WORKERS")
    return assemble(DatabaseRecords(), broker=broker, waiting=waiting, bounds=bounds, workers=workers)


application = build()

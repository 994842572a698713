"""What the gateway counts."""

from prometheus_client import Counter, Gauge, Histogram

ANSWERS = Counter("chainfaas_gateway_answers", "Answers to callers, by HTTP status and reason.", ["status", "reason"])
SECONDS = Histogram(
    "chainfaas_gateway_seconds",
    "From a call's last byte to its answer.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
WAITING = Gauge("chainfaas_gateway_waiting", "Callers that wait for a reply.", multiprocess_mode="livesum")
BROKER_READY = Gauge("chainfaas_gateway_broker_ready", "1 while the broker is connected.", multiprocess_mode="livemin")
STRAY_REPLIES = Counter("chainfaas_gateway_stray_replies", "Replies that nobody waited for, or that were no replies.")
CALLERS_GONE = Counter("chainfaas_gateway_callers_gone", "Callers that left before their answer.")

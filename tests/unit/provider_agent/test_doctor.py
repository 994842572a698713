import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from provider_agent.containers.ports import EngineFacts, EngineFailed
from provider_agent.machine import doctor
from provider_agent.machine.config import Config, Offer
from provider_agent.machine.doctor import Finding, Level
from tests.support.tickets import PROVIDER_ID, Controller

CONFIG = Config(
    provider_id=PROVIDER_ID,
    name="attic",
    portal_url="https://portal.example",
    certificate_pem="",
    root_key_pem=Controller().root.public.pem,
    broker_url="amqp://broker",
    broker_vhost="v",
    broker_user="u",
    jobs_queue="j",
    control_queue="c",
    heartbeat_seconds=15,
    allowed_registries=("http://localhost:5000", "ghcr.io"),
    offer=Offer(price_nano_per_ms=10, slots=2, memory_mb=256, cpu_millis=2000),
)
FACTS = EngineFacts(version="28", runtimes=("runc", "runsc"), cpus=2, memory_mb=4096, warnings=())


def levels(findings: Iterable[Finding]) -> dict[str, Level]:
    return {finding.name: finding.level for finding in findings}


@pytest.mark.parametrize(
    ("skew_ms", "level"), [(0, Level.OK), (900, Level.OK), (-3_500, Level.WARN), (60_000, Level.FAIL)]
)
def test_a_clock_that_disagrees_with_the_portals_is_found(skew_ms: int, level: Level) -> None:
    found = levels(doctor.check_clock(lambda: (time.time_ns() // 10**6 + skew_ms) // 1000 * 1000))

    assert found == {"portal": Level.OK, "clock": level}


def test_a_sound_docker_is_fine() -> None:
    assert set(levels(doctor.check_docker(lambda: FACTS, CONFIG)).values()) == {Level.OK}


@pytest.mark.parametrize(
    ("warnings", "level"),
    [
        (("WARNING: No memory limit support",), Level.FAIL),
        (("WARNING: No cpu cfs quota support", "WARNING: No pids limit support"), Level.FAIL),
        (("WARNING: No swap limit support",), Level.WARN),
    ],
)
def test_limits_that_docker_cannot_enforce_are_found(warnings: tuple[str, ...], level: Level) -> None:
    facts = EngineFacts(version="28", runtimes=("runc",), cpus=2, memory_mb=4096, warnings=warnings)

    found = levels(doctor.check_docker(lambda: facts, CONFIG))

    assert found["limits"] is level
    assert found["gVisor"] is Level.WARN


def test_more_offered_than_there_is_is_found() -> None:
    facts = EngineFacts(version="28", runtimes=("runc",), cpus=1, memory_mb=4096, warnings=())

    assert levels(doctor.check_docker(lambda: facts, CONFIG))["offer"] is Level.FAIL


def test_a_broker_without_tls_is_a_warning() -> None:
    assert levels(doctor.check_broker(lambda: None, CONFIG)) == {"broker": Level.OK, "broker TLS": Level.WARN}


def test_a_check_that_cannot_be_made_is_a_failure_with_its_reason() -> None:
    def fail() -> EngineFacts:
        raise EngineFailed("Docker Engine does not answer")

    found = list(doctor.examine([("docker", lambda: doctor.check_docker(fail, CONFIG))]))

    assert found == [Finding(name="docker", level=Level.FAIL, text="Docker Engine does not answer")]


def test_the_private_registries_on_the_list_are_named() -> None:
    text = next(iter(doctor.check_registries(CONFIG))).text

    assert "localhost:5000" in text
    assert "ghcr.io" not in text


def test_room_on_the_disk_is_measured(tmp_path: Path) -> None:
    assert next(iter(doctor.check_disk(tmp_path))).name == "disk"

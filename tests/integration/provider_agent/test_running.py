from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event as Flag
from typing import Any

import docker
import pytest
from requests import ReadTimeout

from provider_agent.containers.engine import DockerEngine
from provider_agent.containers.running import ContainerRunner
from provider_agent.ports import RunReport
from tests.support.agent.engine import EngineContract
from tests.support.images import Images
from tests.support.tickets import PROVIDER_ID, a_ticket, now_ms, work_of
from wire.messages import Ticket
from wire.outcomes import ExitState

Program = Callable[..., Ticket]
Run = Callable[[Ticket], RunReport]

SOURCES = {
    "upper": "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read().upper())",
    "copy": "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
    "fail": "import sys; sys.stderr.write('x' * 9000 + 'the end'); sys.exit(3)",
    "endless": "while True: pass",
}


class DockerBay:
    """Docker Engine, and programs in Python."""

    def __init__(self, runner: ContainerRunner, engine: DockerEngine, client: docker.APIClient, images: Images) -> None:
        self.runner, self.engine = runner, engine
        self.unknown = f"{images.demo.partition('@')[0]}@sha256:{'0' * 64}"
        self._client, self._images = client, images

    def ticket(self, name: str, **changes: Any) -> Ticket:
        return a_ticket(image=self._images.python, environment={"PROGRAM": SOURCES[name]}, **changes)

    def forget(self, image: str) -> None:
        if self._client.images(image):
            self._client.remove_image(image, force=True)


@pytest.fixture
def bay(runner: ContainerRunner, agents_engine: DockerEngine, engine: docker.APIClient, images: Images) -> DockerBay:
    return DockerBay(runner, agents_engine, engine, images)


class TestDockerEngine(EngineContract):
    """The real one."""


def test_a_function_that_does_not_read_its_input_still_ends(program: Program, run: Run) -> None:
    report = run(program("print('done')", stdin=b"x" * 256 * 1024))

    assert (report.exit_state, report.output) == (ExitState.SUCCEEDED, b"done\n")


def test_the_environment_of_the_ticket_is_the_functions(program: Program, run: Run) -> None:
    ticket = program("import os; print(os.environ['GREETING'], end='')")

    report = run(replace(ticket, environment={**ticket.environment, "GREETING": "good day"}))

    assert report.output == b"good day"


def test_nothing_is_pulled_from_a_private_network_that_is_not_on_the_list(run: Run) -> None:
    report = run(a_ticket(image=f"10.0.0.1:5000/secret@sha256:{'0' * 64}"))

    assert report.exit_state is ExitState.PULL_FAILED


def test_a_pull_takes_time_that_is_told(engine: docker.APIClient, images: Images, run: Run) -> None:
    if engine.images(images.demo):
        engine.remove_image(images.demo, force=True)

    assert run(a_ticket(image=images.demo, input=b"one two")).pull_ms > 0


def test_a_pull_that_is_not_done_in_time_fails(images: Images, run: Run) -> None:
    report = run(a_ticket(image=f"{images.demo.partition('@')[0]}@sha256:{'1' * 64}", pull_by_ms=now_ms() - 1))

    assert report.exit_state is ExitState.PULL_FAILED


def test_an_image_that_can_start_nowhere_is_its_developers_error(compiled: Callable[..., str], run: Run) -> None:
    image = compiled("unstartable", "int main(void) { return 0; }", changes=('ENTRYPOINT ["/absent"]',))

    report = run(a_ticket(image=image))

    assert (report.exit_state, report.exit_code) == (ExitState.FUNCTION_ERROR, 127)


def test_a_function_that_closes_its_output_and_runs_on_is_stopped_in_time(program: Program, run: Run) -> None:
    report = run(program("import os,time; os.close(0); os.close(1); os.close(2); time.sleep(60)", timeout_ms=1000))

    assert report.exit_state is ExitState.TIMED_OUT


def test_an_end_that_docker_tells_late_is_the_functions_own(
    program: Program, run: Run, agents_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, calls = agents_engine._patient.wait, count()

    def late(container: str, timeout: float) -> object:
        ended = wait(container, timeout=timeout)
        if next(calls) == 0:
            raise ReadTimeout
        return ended

    monkeypatch.setattr(agents_engine._patient, "wait", late)

    report = run(program("print('done')"))

    assert (report.exit_state, report.output) == (ExitState.SUCCEEDED, b"done\n")


def test_a_memory_hog_runs_out_of_memory(program: Program, run: Run) -> None:
    report = run(program("hog = bytearray(512 * 1024 * 1024)", memory_mb=64))

    assert report.exit_state is ExitState.OUT_OF_MEMORY


def test_the_scratch_directory_counts_as_memory(program: Program, run: Run) -> None:
    source = "f = open('/tmp/big', 'wb')\nfor _ in range(256): f.write(b'x' * (1 << 20)); f.flush()"

    report = run(program(source, memory_mb=64))

    assert report.exit_state is ExitState.FUNCTION_ERROR
    assert "No space left" in report.log_tail


def test_giant_output_is_cut_off(program: Program, run: Run) -> None:
    report = run(program("import sys\nwhile True: sys.stdout.write('x' * 65536)", output_bytes=100_000))

    assert report.exit_state is ExitState.OUTPUT_TOO_LARGE
    assert report.output == b""


def test_giant_errors_are_kept_to_their_end(program: Program, run: Run) -> None:
    report = run(program("import sys\nfor _ in range(500): sys.stderr.write('y' * 65536)\nprint('fine')"))

    assert report.exit_state is ExitState.SUCCEEDED
    assert report.log_tail == "y" * 4096


def test_a_fork_bomb_is_held_by_the_limit_of_processes(compiled: Callable[..., str], run: Run) -> None:
    source = """
        #include <unistd.h>
        #include <stdio.h>
        int main(void) {
            int made = 0;
            for (int i = 0; i < 2000; i++) {
                int pid = fork();
                if (pid < 0) break;
                if (pid == 0) { pause(); return 0; }
                made++;
            }
            printf("%d", made);
            return 0;
        }"""

    report = run(a_ticket(image=compiled("fork-bomb", source)))

    assert report.exit_state is ExitState.SUCCEEDED
    assert int(report.output) < 64


def test_a_setuid_program_gains_nothing(compiled: Callable[..., str], run: Run) -> None:
    source = """
        #include <unistd.h>
        #include <stdio.h>
        int main(void) {
            printf("%d %d", geteuid(), setuid(0));
            return 0;
        }"""

    report = run(a_ticket(image=compiled("setuid", source, mode=0o4755)))

    assert report.output == b"65534 -1"


def test_a_volume_that_the_image_declares_is_no_disk(
    compiled: Callable[..., str], run: Run, engine: docker.APIClient
) -> None:
    source = """
        #include <stdio.h>
        #include <string.h>
        int main(void) {
            char block[65536]; memset(block, 1, sizeof block);
            FILE *file = fopen("/data/big", "wb");
            if (!file) return 1;
            long written = 0;
            while (fwrite(block, 1, sizeof block, file) == sizeof block && !fflush(file)) written += sizeof block;
            printf("%ld", written);
            return 0;
        }"""

    report = run(a_ticket(image=compiled("volume", source, changes=("VOLUME /data",))))

    assert report.exit_state is ExitState.SUCCEEDED, report
    assert int(report.output) <= 16 * 1024 * 1024
    assert not engine.volumes()["Volumes"]


def test_there_is_no_network(program: Program, run: Run) -> None:
    source = """
import os, socket
print(sorted(os.listdir('/sys/class/net')))
try: socket.create_connection(('1.1.1.1', 53), 2)
except OSError as error: print(type(error).__name__, error.errno)
"""
    report = run(program(source))

    assert report.output.decode().splitlines() == ["['lo']", "OSError 101"]


def test_the_root_file_system_cannot_be_written(program: Program, run: Run) -> None:
    source = """
for path in ('/x', '/usr/x', '/etc/x', '/proc/sys/kernel/hostname', '/sys/x', '/dev/x'):
    try: open(path, 'w').write('x')
    except OSError: continue
    print('wrote', path)
open('/tmp/x', 'w').write('x')
"""
    report = run(program(source))

    assert (report.exit_state, report.output) == (ExitState.SUCCEEDED, b""), report


def test_the_process_is_nobody_without_capabilities_under_seccomp(program: Program, run: Run) -> None:
    source = """
wanted = ('Uid', 'Gid', 'CapEff', 'CapBnd', 'CapPrm', 'NoNewPrivs', 'Seccomp')
for line in open('/proc/self/status'):
    name, _, value = line.partition(':')
    if name in wanted: print(name, value.split()[0])
"""
    report = run(program(source))

    assert dict(line.split() for line in report.output.decode().splitlines()) == {
        "Uid": "65534",
        "Gid": "65534",
        "CapEff": "0000000000000000",
        "CapBnd": "0000000000000000",
        "CapPrm": "0000000000000000",
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


def test_a_dead_docker_is_a_crash_of_the_machine(
    runner: ContainerRunner, agents_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no such socket")

    monkeypatch.setattr(agents_engine._patient, "create_container_from_config", refuse)
    runner._volumes[a_ticket().image] = frozenset()

    report = runner.run(work_of(a_ticket()), cancelled=Flag(), started=lambda _: None)

    assert report.exit_state is ExitState.CRASHED
    assert str(Path("/")) not in report.log_tail
    assert PROVIDER_ID

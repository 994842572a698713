from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import docker
import pytest
from requests import ReadTimeout

from provider_agent.containers.docker_runner import DockerRunner
from provider_agent.ports import RunReport
from tests.support.images import Images
from tests.support.tickets import PROVIDER_ID, a_ticket, now_ms, work_of
from tests.support.waiting import wait_for
from wire.messages import Ticket
from wire.outcomes import ExitState

Program = Callable[..., Ticket]
Run = Callable[[Ticket], RunReport]

ECHO = "import sys; sys.stdout.write(sys.stdin.read().upper())"


def test_the_input_goes_in_and_the_output_comes_out(program: Program, run: Run) -> None:
    report = run(program(ECHO, stdin=b"hello"))

    assert report.exit_state is ExitState.SUCCEEDED
    assert report.output == b"HELLO"
    assert report.exit_code == 0
    assert 1 <= report.run_ms < 60_000


def test_input_and_output_of_the_largest_size_pass_whole(program: Program, run: Run) -> None:
    largest = bytes(range(256)) * 1024

    report = run(program("import os,sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", stdin=largest))

    assert report.output == largest


def test_a_function_that_does_not_read_its_input_still_ends(program: Program, run: Run) -> None:
    report = run(program("print('done')", stdin=b"x" * 256 * 1024))

    assert (report.exit_state, report.output) == (ExitState.SUCCEEDED, b"done\n")


def test_the_environment_of_the_ticket_is_the_functions(program: Program, run: Run) -> None:
    ticket = program("import os; print(os.environ['GREETING'], end='')")

    report = run(replace(ticket, environment={**ticket.environment, "GREETING": "good day"}))

    assert report.output == b"good day"


def test_an_image_that_is_not_there_is_pulled_and_started_is_told_after_it(
    runner: DockerRunner, engine: docker.APIClient, images: Images
) -> None:
    if engine.images(images.demo):
        engine.remove_image(images.demo, force=True)
    told: list[int] = []
    ticket = a_ticket(image=images.demo, input=b"one two")

    report = runner.run(work_of(ticket), cancelled=Flag(), started=told.append)
    runner.remove(ticket.job_id)

    assert report.exit_state is ExitState.SUCCEEDED
    assert told == [report.pull_ms]
    assert report.pull_ms > 0
    assert images.demo.rpartition("@")[2] in runner.images()


def test_an_image_that_does_not_exist_is_a_failed_pull(images: Images, run: Run) -> None:
    report = run(a_ticket(image=f"{images.demo.partition('@')[0]}@sha256:{'0' * 64}"))

    assert report.exit_state is ExitState.PULL_FAILED


def test_nothing_is_pulled_from_a_private_network_that_is_not_on_the_list(run: Run) -> None:
    report = run(a_ticket(image=f"10.0.0.1:5000/secret@sha256:{'0' * 64}"))

    assert report.exit_state is ExitState.PULL_FAILED


def test_a_pull_that_is_not_done_in_time_fails(images: Images, run: Run) -> None:
    report = run(a_ticket(image=f"{images.demo.partition('@')[0]}@sha256:{'1' * 64}", pull_by_ms=now_ms() - 1))

    assert report.exit_state is ExitState.PULL_FAILED


def test_an_error_of_the_function_keeps_its_exit_code_and_its_last_lines(program: Program, run: Run) -> None:
    report = run(program("import sys; sys.stderr.write('x' * 9000 + 'the end'); sys.exit(3)"))

    assert (report.exit_state, report.exit_code) == (ExitState.FUNCTION_ERROR, 3)
    assert report.log_tail.endswith("the end")
    assert len(report.log_tail) <= 4096


def test_an_image_that_can_start_nowhere_is_its_developers_error(compiled: Callable[..., str], run: Run) -> None:
    image = compiled("unstartable", "int main(void) { return 0; }", changes=('ENTRYPOINT ["/absent"]',))

    report = run(a_ticket(image=image))

    assert (report.exit_state, report.exit_code) == (ExitState.FUNCTION_ERROR, 127)


def test_a_function_that_runs_for_ever_is_stopped_in_time(program: Program, run: Run) -> None:
    report = run(program("while True: pass", timeout_ms=500))

    assert report.exit_state is ExitState.TIMED_OUT
    assert 400 <= report.run_ms < 30_000


def test_a_function_that_closes_its_output_and_runs_on_is_stopped_in_time(program: Program, run: Run) -> None:
    report = run(program("import os,time; os.close(0); os.close(1); os.close(2); time.sleep(60)", timeout_ms=1000))

    assert report.exit_state is ExitState.TIMED_OUT


def test_an_end_that_docker_tells_late_is_the_functions_own(
    program: Program, run: Run, runner: DockerRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = runner._patient.wait

    def late(container: str, timeout: float | None = None) -> object:
        ended = wait(container)
        if timeout is not None:
            raise ReadTimeout
        return ended

    monkeypatch.setattr(runner._patient, "wait", late)

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


def test_output_of_exactly_the_limit_is_delivered_and_one_byte_more_is_not(program: Program, run: Run) -> None:
    exact = run(program("import sys; sys.stdout.write('x' * 1000)", output_bytes=1000))
    over = run(program("import sys; sys.stdout.write('x' * 1001)", output_bytes=1000))

    assert (exact.exit_state, len(exact.output)) == (ExitState.SUCCEEDED, 1000)
    assert over.exit_state is ExitState.OUTPUT_TOO_LARGE


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


def test_a_cancelled_run_ends_at_once_and_is_nobodys_debt(program: Program, runner: DockerRunner) -> None:
    cancelled, ticket, reports = Flag(), program("import time; time.sleep(60)", timeout_ms=60_000), list[RunReport]()
    is_running = Flag()

    def follow() -> None:
        reports.append(runner.run(work_of(ticket), cancelled=cancelled, started=lambda _: is_running.set()))

    thread = Thread(target=follow)
    thread.start()
    wait_for("the container to run", is_running.is_set, 60)
    cancelled.set()
    thread.join(60)
    runner.remove(ticket.job_id)

    assert reports[0].exit_state is ExitState.CRASHED


def test_what_an_earlier_process_left_is_removed_and_others_containers_stay(
    program: Program, runner: DockerRunner, engine: docker.APIClient
) -> None:
    mine, other = program("pass"), replace(program("pass"), provider_id="another")
    for ticket in (mine, other):
        runner.run(work_of(ticket), cancelled=Flag(), started=lambda _: None)

    removed = runner.remove_leftovers()

    left = engine.containers(all=True, filters={"label": "chainfaas.job"})
    runner.remove(other.job_id)
    assert removed == 1
    assert [item["Labels"]["chainfaas.job"] for item in left] == [other.job_id]


def test_a_dead_docker_is_a_crash_of_the_machine(runner: DockerRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no such socket")

    monkeypatch.setattr(runner._patient, "create_container_from_config", refuse)
    runner._volumes[a_ticket().image] = frozenset()

    report = runner.run(work_of(a_ticket()), cancelled=Flag(), started=lambda _: None)

    assert report.exit_state is ExitState.CRASHED
    assert str(Path("/")) not in report.log_tail
    assert PROVIDER_ID

"""What running a container may expect of its engine, whichever it is: the in-memory one and Docker pass this suite."""

from dataclasses import replace
from threading import Event as Flag
from threading import Thread
from typing import Any, Protocol

from provider_agent.containers.ports import Engine
from provider_agent.containers.running import ContainerRunner
from provider_agent.containers.sandbox import JOB_LABEL
from provider_agent.ports import RunReport
from tests.support.tickets import work_of
from tests.support.waiting import wait_for
from wire.limits import Limits
from wire.messages import Ticket
from wire.outcomes import ExitState

SECONDS = 60


class Bay(Protocol):
    """An engine, and programs that it can run: `upper`, `copy`, `fail` and `endless`."""

    runner: ContainerRunner
    engine: Engine
    #: An image that its registry does not have.
    unknown: str

    def ticket(self, name: str, **changes: Any) -> Ticket:
        """Return a ticket for one of the programs, changed as `a_ticket` takes it."""

    def forget(self, image: str) -> None:
        """Remove an image from the engine."""


def run(bay: Bay, ticket: Ticket, told: list[int] | None = None) -> RunReport:
    """Run a ticket and remove what is left, as the agent does; nothing may be there afterwards."""
    report = bay.runner.run(work_of(ticket), cancelled=Flag(), started=(told if told is not None else []).append)
    bay.runner.remove(ticket.job_id)
    assert bay.engine.labelled(JOB_LABEL, ticket.job_id) == []
    return report


class EngineContract:
    """Subclasses provide the fixture `bay`."""

    def test_the_input_goes_in_and_the_output_comes_out(self, bay: Bay) -> None:
        report = run(bay, bay.ticket("upper", input=b"hello"))

        assert report.exit_state is ExitState.SUCCEEDED
        assert report.output == b"HELLO"
        assert report.exit_code == 0
        assert 1 <= report.run_ms < SECONDS * 1000

    def test_input_and_output_of_the_largest_size_pass_whole(self, bay: Bay) -> None:
        largest = bytes(range(256)) * 1024

        assert run(bay, bay.ticket("copy", input=largest)).output == largest

    def test_an_image_that_is_not_there_is_pulled_and_started_is_told_after_it(self, bay: Bay) -> None:
        told: list[int] = []
        ticket = bay.ticket("copy")
        bay.forget(ticket.image)

        report = run(bay, ticket, told)

        assert report.exit_state is ExitState.SUCCEEDED
        assert told == [report.pull_ms]
        assert ticket.image.rpartition("@")[2] in bay.runner.images()
        assert bay.engine.has(ticket.image)

    def test_an_image_that_does_not_exist_is_a_failed_pull(self, bay: Bay) -> None:
        report = run(bay, replace(bay.ticket("copy"), image=bay.unknown))

        assert report.exit_state is ExitState.PULL_FAILED
        assert not bay.engine.has(bay.unknown)

    def test_an_error_of_the_function_keeps_its_exit_code_and_its_last_lines(self, bay: Bay) -> None:
        report = run(bay, bay.ticket("fail"))

        assert (report.exit_state, report.exit_code) == (ExitState.FUNCTION_ERROR, 3)
        assert report.log_tail.endswith("the end")
        assert len(report.log_tail) <= 4096

    def test_a_function_that_runs_for_ever_is_stopped_in_time(self, bay: Bay) -> None:
        report = run(bay, bay.ticket("endless", limits=Limits(timeout_ms=500)))

        assert report.exit_state is ExitState.TIMED_OUT
        assert 400 <= report.run_ms < SECONDS * 1000 / 2

    def test_output_of_exactly_the_limit_is_delivered_and_one_byte_more_is_not(self, bay: Bay) -> None:
        bound = Limits(output_bytes=1000)
        exact = run(bay, bay.ticket("copy", input=b"x" * 1000, limits=bound))
        over = run(bay, bay.ticket("copy", input=b"x" * 1001, limits=bound))

        assert (exact.exit_state, len(exact.output)) == (ExitState.SUCCEEDED, 1000)
        assert (over.exit_state, over.output) == (ExitState.OUTPUT_TOO_LARGE, b"")

    def test_a_cancelled_run_ends_at_once_and_is_nobodys_debt(self, bay: Bay) -> None:
        cancelled, is_running, reports = Flag(), Flag(), list[RunReport]()
        ticket = bay.ticket("endless", limits=Limits(timeout_ms=SECONDS * 1000))

        def follow() -> None:
            reports.append(bay.runner.run(work_of(ticket), cancelled=cancelled, started=lambda _: is_running.set()))

        thread = Thread(target=follow)
        thread.start()
        wait_for("the container to run", is_running.is_set, SECONDS)
        cancelled.set()
        thread.join(SECONDS)
        bay.runner.remove(ticket.job_id)

        assert reports[0].exit_state is ExitState.CRASHED

    def test_what_an_earlier_process_left_is_removed_and_others_containers_stay(self, bay: Bay) -> None:
        mine, other = bay.ticket("copy"), replace(bay.ticket("copy"), provider_id="another")
        for ticket in (mine, other):
            bay.runner.run(work_of(ticket), cancelled=Flag(), started=lambda _: None)

        removed = bay.runner.remove_leftovers()

        assert removed == 1
        assert bay.engine.labelled(JOB_LABEL, mine.job_id) == []
        assert len(bay.engine.labelled(JOB_LABEL, other.job_id)) == 1
        bay.runner.remove(other.job_id)

    def test_a_container_that_is_not_there_is_removed_without_a_word(self, bay: Bay) -> None:
        bay.engine.remove("chainfaas-absent")

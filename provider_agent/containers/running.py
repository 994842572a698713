"""Running one container: from a ticket, through its image and its sandbox, to what came of it."""

import logging
import time
from collections.abc import Callable
from threading import Event as Flag

from provider_agent.containers import outcome, sandbox
from provider_agent.containers.images import Puller, PullFailed
from provider_agent.containers.ports import Ended, Engine, EngineFailed, ImageAbsent, Unstartable
from provider_agent.containers.streams import Ending, Transcript, exchange
from provider_agent.ports import Clock, RunReport, Work
from wire.messages import Ticket
from wire.outcomes import ExitState

log = logging.getLogger(__name__)

#: An engine hears of a kill for want of memory on another way than of the end; this is how long the news may take.
_OOM_NEWS_SECONDS = 3.0
#: How long a killed container may take to be gone.
_KILL_SECONDS = 60
#: So many images a heartbeat should carry at most.
_IMAGES_MAX = 64


class ContainerRunner:
    """Runs tickets with a container engine: a new container for each.

    :raises EngineFailed: when the engine does not answer.
    """

    def __init__(self, engine: Engine, *, provider_id: str, allowed_registries: frozenset[str], clock: Clock) -> None:
        self._engine = engine
        self._provider_id = provider_id
        self._clock = clock
        #: Of images by digest: what they declare never changes.
        self._volumes: dict[str, frozenset[str]] = {}
        self._runtime = sandbox.GVISOR if sandbox.GVISOR in engine.facts().runtimes else None
        self._puller = Puller(engine, allowed_registries)

    def is_ready(self) -> bool:
        """Return whether the engine answers."""
        return self._engine.is_ready()

    def images(self) -> tuple[str, ...]:
        """Return digests of images that are here, at most so many as a heartbeat should carry."""
        try:
            return self._engine.digests()[:_IMAGES_MAX]
        except EngineFailed:
            return ()

    def remove(self, job_id: str) -> None:
        """Remove a job's container, running or not; one that is not there is no error."""
        self._remove(sandbox.container_name(job_id))

    def remove_leftovers(self) -> int:
        """Remove all containers of this provider, from whichever process of it they are.

        :raises EngineFailed: when the engine does not tell which there are.
        """
        found = self._engine.labelled(sandbox.PROVIDER_LABEL, self._provider_id)
        for container in found:
            self._remove(container)
        return len(found)

    def run(self, work: Work, *, cancelled: Flag, started: Callable[[int], None]) -> RunReport:
        """Run a ticket's container to its end; `started` is told the milliseconds of the pull once it runs.

        A failure is a report, never an exception.
        """
        job_id = work.ticket.job_id
        if cancelled.is_set():
            return RunReport(exit_state=ExitState.CRASHED)
        try:
            container, pull_ms = self._with_image(work.ticket, cancelled)
            return self._follow(container, work, pull_ms, cancelled=cancelled, started=started)
        except PullFailed as error:
            log.warning("pull.failed", extra={"job_id": job_id, "cause": str(error)})
            return RunReport.failed(ExitState.PULL_FAILED)
        except Unstartable as error:
            log.info("container.unstartable", extra={"job_id": job_id})
            return outcome.unstartable(error)
        except (EngineFailed, OSError) as error:
            log.error("engine.failed", extra={"job_id": job_id, "cause": str(error)})  # noqa: TRY400 - the cause is enough
            return RunReport.failed(ExitState.CRASHED)

    def _with_image(self, ticket: Ticket, cancelled: Flag) -> tuple[str, int]:
        """Return a new container and the milliseconds of the pull, which is tried only when the image is not here."""
        try:
            return self._create(ticket), 0
        except ImageAbsent:
            began = time.monotonic()
        until = began + (ticket.pull_by_ms - self._clock()) / 1000
        self._puller.ensure(ticket.image, until=until, cancelled=cancelled)
        pull_ms = int((time.monotonic() - began) * 1000)
        return self._create(ticket), pull_ms

    def _create(self, ticket: Ticket) -> str:
        if ticket.image not in self._volumes:
            self._volumes[ticket.image] = self._engine.volumes(ticket.image)
        what = sandbox.container(ticket, volumes=self._volumes[ticket.image], runtime=self._runtime)
        return self._engine.create(what, name=sandbox.container_name(ticket.job_id))

    def _follow(
        self, container: str, work: Work, pull_ms: int, *, cancelled: Flag, started: Callable[[int], None]
    ) -> RunReport:
        limits = work.ticket.limits
        transcript = Transcript(output_max=limits.output_bytes)
        with self._engine.attached(container) as connection:
            before = time.monotonic()
            self._engine.start(container)
            started(pull_ms)
            until = time.monotonic() + limits.timeout_ms / 1000
            ending = exchange(connection, work.input, transcript, until=until, cancelled=cancelled)
        # Detached first: Docker ends a container only when somebody has read, or nobody reads, its output.
        ending, ended = self._end(container, ending, until)
        wall_ms = int((time.monotonic() - before) * 1000) + 1
        return outcome.ran(ending, ended, transcript, pull_ms=pull_ms, wall_ms=wall_ms)

    def _end(self, container: str, ending: Ending, until: float) -> tuple[Ending, Ended]:
        """Wait for the container's end, bring it about where it is due, and return why and how it ended."""
        if ending is Ending.CLOSED and self._engine.wait(container, seconds=max(until - time.monotonic(), 1)):
            return ending, self._explained(container)
        self._engine.kill(container)
        if not self._engine.wait(container, seconds=_KILL_SECONDS):
            raise EngineFailed("a container was killed and does not end")
        ended = self._engine.ended(container)
        if ending is Ending.CLOSED and ended.exit_code == outcome.KILLED:
            ending = Ending.TIMED_OUT  # It had only closed its output.
        return ending, ended

    def _explained(self, container: str) -> Ended:
        """Return how a container ended; when it was killed and not by us, wait for the news of why."""
        until = time.monotonic() + _OOM_NEWS_SECONDS
        while True:
            ended = self._engine.ended(container)
            if ended.is_out_of_memory or ended.exit_code != outcome.KILLED or time.monotonic() > until:
                return ended
            time.sleep(0.02)

    def _remove(self, container: str) -> None:
        try:
            self._engine.remove(container)
        except EngineFailed as error:  # The next start of the agent removes it by its label.
            log.warning("container.left", extra={"container": container, "cause": str(error)})

"""Docker Engine: a new container for each job, from its creation to its removal. The only module that knows Docker."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from typing import Any, cast

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests import RequestException

from provider_agent.containers import sandbox
from provider_agent.containers.attach import attached
from provider_agent.containers.pulling import Puller, PullFailed
from provider_agent.containers.streams import Ending, Transcript, exchange
from provider_agent.errors import AgentError
from provider_agent.ports import Clock, RunReport, Work
from wire.limits import MIB
from wire.messages import Ticket
from wire.outcomes import EXIT_SENTENCES, ExitState

log = logging.getLogger(__name__)

#: For what should take milliseconds, and for what a busy disk may delay.
_QUICK_SECONDS, _PATIENT_SECONDS = 5, 60
#: A registry that says nothing for so long has failed.
_PULL_SILENCE_SECONDS = 30
#: Docker hears of a kill for want of memory on another way than of the end; this is how long the news may take.
_OOM_NEWS_SECONDS = 3.0
_KILLED = 137
_CANNOT_START = 127
_BAD_REQUEST = 400
_IMAGES_MAX = 64
_EXIT_STATES = {
    Ending.TOO_LARGE: ExitState.OUTPUT_TOO_LARGE,
    Ending.TIMED_OUT: ExitState.TIMED_OUT,
    Ending.CANCELLED: ExitState.CRASHED,  # Not wanted any more; nobody is to pay for it.
}
_FAILURES = (DockerException, RequestException, OSError)
_GVISOR = "runsc"
_UNIX = "unix://"


class DockerUnreachable(AgentError):
    """Docker Engine does not answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerFacts:
    """What Docker Engine says of itself."""

    version: str
    runtimes: tuple[str, ...]
    cpus: int
    memory_mb: int
    #: What it cannot do here, as limits on memory.
    warnings: tuple[str, ...]
    data_directory: str


class DockerImages:
    """Docker Engine's images, as pulling needs them."""

    def __init__(self, client: docker.APIClient, data_directory: Path) -> None:
        #: Any, for the stubs lack half of what it does.
        self._client: Any = client
        self._data_directory = data_directory

    def has(self, image: str) -> bool:
        """Return whether an image is here."""
        try:
            self._client.inspect_image(image)
        except ImageNotFound:
            return False
        except _FAILURES as error:
            raise PullFailed(str(error)) from error
        return True

    def free_bytes(self) -> int | None:
        """Return how much room is left for images."""
        try:
            return shutil.disk_usage(self._data_directory).free
        except OSError:
            return None

    def pull(self, image: str, seconds: float) -> Iterator[Mapping[str, object]]:
        """Ask Docker to pull and yield its words. The SDK's own `pull` has no time limit."""
        name, _, digest = image.partition("@")
        url = f"{self._client.base_url}/v{self._client.api_version}/images/create"
        silence = max(min(seconds, _PULL_SILENCE_SECONDS), 0.001)
        wanted = {"fromImage": name, "tag": digest}
        try:
            with self._client.post(url, params=wanted, stream=True, timeout=(_QUICK_SECONDS, silence)) as response:
                response.raise_for_status()
                yield from (json.loads(line) for line in response.iter_lines() if line)
        except _FAILURES as error:
            raise PullFailed(str(error)) from error


class DockerRunner:
    """Runs tickets with Docker Engine on this machine, at a `unix://` address."""

    def __init__(self, *, provider_id: str, allowed_registries: frozenset[str], clock: Clock, address: str) -> None:
        if not address.startswith(_UNIX):
            raise DockerUnreachable(f"{address}: expected the address of a Docker Engine on this machine, {_UNIX}/…")
        self._socket = Path(address.removeprefix(_UNIX))
        self._provider_id = provider_id
        self._clock = clock
        #: Any, for the stubs lack half of what it does.
        self._patient: Any = _client(address, _PATIENT_SECONDS)
        self._quick = _client(address, _QUICK_SECONDS, version=self._patient.api_version)
        #: Of images by digest: what they declare never changes.
        self._volumes: dict[str, frozenset[str]] = {}
        facts = self.facts()
        self._runtime = _GVISOR if _GVISOR in facts.runtimes else None
        self._puller = Puller(DockerImages(self._patient, Path(facts.data_directory)), allowed_registries)

    def close(self) -> None:
        """Close the connections to Docker Engine."""
        self._patient.close()
        self._quick.close()

    def facts(self) -> DockerFacts:
        """Return what Docker Engine says of itself.

        :raises DockerUnreachable: when it does not answer.
        """
        try:
            info = self._patient.info()  # It starts programs to tell their versions.
        except _FAILURES as error:
            raise DockerUnreachable(f"Docker Engine does not answer: {error}") from error
        return DockerFacts(
            version=str(info.get("ServerVersion", "")),
            runtimes=tuple(sorted(info.get("Runtimes") or {})),
            cpus=int(info.get("NCPU", 0)),
            memory_mb=int(info.get("MemTotal", 0)) // MIB,
            warnings=tuple(info.get("Warnings") or ()),
            data_directory=str(info.get("DockerRootDir", "")),
        )

    def is_ready(self) -> bool:
        """Return whether Docker Engine answers."""
        try:
            return bool(self._quick.ping())
        except _FAILURES:
            return False

    def images(self) -> tuple[str, ...]:
        """Return digests of images that are here, at most so many as a heartbeat should carry."""
        try:
            found = cast("list[dict[str, Any]]", self._quick.images())
        except _FAILURES:
            return ()
        digests = {name.rpartition("@")[2] for image in found for name in image.get("RepoDigests") or ()}
        return tuple(sorted(digests)[:_IMAGES_MAX])

    def remove(self, job_id: str) -> None:
        """Remove a job's container, running or not; one that is not there is no error."""
        self._remove(sandbox.container_name(job_id), job_id)

    def remove_leftovers(self) -> int:
        """Remove all containers of this provider, from whichever process of it they are."""
        label = f"{sandbox.PROVIDER_LABEL}={self._provider_id}"
        try:
            found = self._patient.containers(all=True, quiet=True, filters={"label": label})
        except _FAILURES as error:
            raise DockerUnreachable(f"Docker Engine does not answer: {error}") from error
        for container in found:
            self._remove(container["Id"], job_id="")
        return len(found)

    def run(self, work: Work, *, cancelled: Flag, started: Callable[[int], None]) -> RunReport:
        """Run a ticket's container to its end."""
        ticket = work.ticket
        if cancelled.is_set():
            return RunReport(exit_state=_EXIT_STATES[Ending.CANCELLED])
        try:
            container, pull_ms = self._create(ticket, cancelled)
            return self._follow(container, work, cancelled, lambda: started(pull_ms), pull_ms)
        except PullFailed as error:
            log.warning("pull.failed", extra={"job_id": ticket.job_id, "cause": str(error)})
            return RunReport(exit_state=ExitState.PULL_FAILED, log_tail=EXIT_SENTENCES[ExitState.PULL_FAILED])
        except APIError as error:
            return _not_started(ticket, error)
        except _FAILURES as error:
            return _crashed(ticket, error)

    def _create(self, ticket: Ticket, cancelled: Flag) -> tuple[str, int]:
        """Return a new container and the milliseconds of the pull, which is tried only when the image is not here."""
        try:
            return self._created(ticket), 0
        except ImageNotFound:
            began = time.monotonic()
        until = began + (ticket.pull_by_ms - self._clock()) / 1000
        self._puller.ensure(ticket.image, until=until, cancelled=cancelled)
        pull_ms = int((time.monotonic() - began) * 1000)
        return self._created(ticket), pull_ms

    def _created(self, ticket: Ticket) -> str:
        if ticket.image not in self._volumes:
            config = self._patient.inspect_image(ticket.image).get("Config") or {}
            self._volumes[ticket.image] = frozenset(config.get("Volumes") or ())
        what = sandbox.container(ticket, volumes=self._volumes[ticket.image], runtime=self._runtime)
        made = self._patient.create_container_from_config(what, name=sandbox.container_name(ticket.job_id))
        return str(made["Id"])

    def _follow(
        self, container: str, work: Work, cancelled: Flag, running: Callable[[], None], pull_ms: int
    ) -> RunReport:
        limits = work.ticket.limits
        transcript = Transcript(output_max=limits.output_bytes)
        with attached(self._socket, container, api_version=self._patient.api_version) as connection:
            before = time.monotonic()
            self._patient.start(container)
            running()
            until = time.monotonic() + limits.timeout_ms / 1000
            ending = exchange(connection, work.input, transcript, until=until, cancelled=cancelled)
        # Detached first: Docker ends a container only when somebody has read, or nobody reads, its output.
        ending, state = self._end(container, ending, until)
        wall_ms = int((time.monotonic() - before) * 1000) + 1
        exit_state = _exit_state(ending, state)
        return RunReport(
            exit_state=exit_state,
            run_ms=max(1, min(_run_ms(state), wall_ms)),
            output=bytes(transcript.output) if exit_state is ExitState.SUCCEEDED else b"",
            exit_code=int(state["ExitCode"]),
            pull_ms=pull_ms,
            log_tail=transcript.tail_text,
        )

    def _end(self, container: str, ending: Ending, until: float) -> tuple[Ending, dict[str, Any]]:
        """Wait for the container's end, bring it about where it is due, and return why and how it ended."""
        if ending is Ending.CLOSED:
            try:
                self._patient.wait(container, timeout=max(until - time.monotonic(), 1))
            except RequestException:
                pass  # It runs on, or Docker is slow.
            else:
                return ending, self._state(container, asked=False)
        with suppress(APIError):  # It ended by itself meanwhile.
            self._patient.kill(container)
        self._patient.wait(container)
        state = self._state(container, asked=True)
        if ending is Ending.CLOSED and state["ExitCode"] == _KILLED:
            ending = Ending.TIMED_OUT  # It had only closed its output.
        return ending, state

    def _state(self, container: str, *, asked: bool) -> dict[str, Any]:
        """Return how Docker saw the end; when it was killed and not by us, wait for the news of why."""
        until = time.monotonic() + _OOM_NEWS_SECONDS
        while True:
            state = cast("dict[str, Any]", self._patient.inspect_container(container)["State"])
            known = asked or state["OOMKilled"] or state["ExitCode"] != _KILLED
            if known or time.monotonic() > until:
                return state
            time.sleep(0.02)

    def _remove(self, container: str, job_id: str) -> None:
        try:
            self._patient.remove_container(container, v=True, force=True)
        except NotFound:
            return
        except _FAILURES as error:  # The next start of the agent removes it by its label.
            log.warning("container.left", extra={"job_id": job_id, "cause": type(error).__name__})


def _client(address: str, seconds: int, *, version: str = "auto") -> docker.APIClient:
    try:
        return docker.APIClient(base_url=address, version=version, timeout=seconds)
    except _FAILURES as error:
        raise DockerUnreachable(f"Docker Engine does not answer at {address}: {error}") from error


def _exit_state(ending: Ending, state: Mapping[str, Any]) -> ExitState:
    if ending is not Ending.CLOSED:
        return _EXIT_STATES[ending]
    if state["ExitCode"] == 0:
        return ExitState.SUCCEEDED
    return ExitState.OUT_OF_MEMORY if state["OOMKilled"] else ExitState.FUNCTION_ERROR


def _run_ms(state: Mapping[str, Any]) -> int:
    """Return the wall time from start to end by Docker's clock, rounded up."""
    nanoseconds = _nanoseconds(state["FinishedAt"]) - _nanoseconds(state["StartedAt"])
    return -(-nanoseconds // 1_000_000)


def _nanoseconds(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)


def _not_started(ticket: Ticket, error: APIError) -> RunReport:
    """Tell an image that can start nowhere, its developer's matter, from a failure of this machine."""
    if error.status_code != _BAD_REQUEST:
        return _crashed(ticket, error)
    log.info("container.unstartable", extra={"job_id": ticket.job_id})
    text = f"The image cannot be started: {error.explanation}"
    return RunReport(exit_state=ExitState.FUNCTION_ERROR, exit_code=_CANNOT_START, log_tail=text[:1024])


def _crashed(ticket: Ticket, error: Exception) -> RunReport:
    log.error("docker.failed", extra={"job_id": ticket.job_id, "cause": str(error)})
    return RunReport(exit_state=ExitState.CRASHED, log_tail=EXIT_SENTENCES[ExitState.CRASHED])

"""Docker Engine: images and containers over its API. The only module that knows Docker."""

import json
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests import RequestException

from provider_agent.containers import attach
from provider_agent.containers.ports import Ended, EngineFacts, EngineFailed, ImageAbsent, Unstartable
from wire.limits import MIB

#: For what should take milliseconds, and for what a busy disk may delay.
_QUICK_SECONDS, _PATIENT_SECONDS = 5, 60
#: A registry that says nothing for so long has failed.
_PULL_SILENCE_SECONDS = 30
_BAD_REQUEST = 400
_FAILURES = (DockerException, RequestException, OSError)
_UNIX = "unix://"


class DockerEngine:
    """Docker Engine on this machine, at a `unix://` address.

    :raises EngineFailed: when it does not answer.
    """

    def __init__(self, address: str) -> None:
        if not address.startswith(_UNIX):
            raise EngineFailed(f"{address}: expected the address of a Docker Engine on this machine, {_UNIX}/…")
        self._socket = Path(address.removeprefix(_UNIX))
        with _translated():
            #: Any, for the stubs lack half of what it does.
            self._patient: Any = docker.APIClient(base_url=address, version="auto", timeout=_PATIENT_SECONDS)
            version = self._patient.api_version
            self._quick = docker.APIClient(base_url=address, version=version, timeout=_QUICK_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._patient.close()
        self._quick.close()

    def facts(self) -> EngineFacts:
        """Return what it says of itself."""
        info = self._info()
        return EngineFacts(
            version=str(info.get("ServerVersion", "")),
            runtimes=tuple(sorted(info.get("Runtimes") or {})),
            cpus=int(info.get("NCPU", 0)),
            memory_mb=int(info.get("MemTotal", 0)) // MIB,
            warnings=tuple(info.get("Warnings") or ()),
        )

    def is_ready(self) -> bool:
        """Return whether it answers now."""
        try:
            return bool(self._quick.ping())
        except _FAILURES:
            return False

    def digests(self) -> tuple[str, ...]:
        """Return the digests of all images that are here."""
        with _translated():
            found = cast("list[dict[str, Any]]", self._quick.images())
        return tuple(sorted({name.rpartition("@")[2] for image in found for name in image.get("RepoDigests") or ()}))

    def has(self, image: str) -> bool:
        """Return whether an image is here."""
        try:
            self._image(image)
        except ImageAbsent:
            return False
        return True

    def volumes(self, image: str) -> frozenset[str]:
        """Return the directories that an image declares as volumes."""
        return frozenset((self._image(image).get("Config") or {}).get("Volumes") or ())

    def free_bytes(self) -> int | None:
        """Return how much room is left for images."""
        try:
            return shutil.disk_usage(str(self._info().get("DockerRootDir", ""))).free
        except OSError:
            return None

    def pull(self, image: str, seconds: float) -> Iterator[Mapping[str, object]]:
        """Ask Docker to pull and yield its words. The SDK's own `pull` has no time limit."""
        name, _, digest = image.partition("@")
        url = f"{self._patient.base_url}/v{self._patient.api_version}/images/create"
        silence = max(min(seconds, _PULL_SILENCE_SECONDS), 0.001)
        wanted = {"fromImage": name, "tag": digest}
        with (
            _translated(),
            self._patient.post(url, params=wanted, stream=True, timeout=(_QUICK_SECONDS, silence)) as response,
        ):
            response.raise_for_status()
            yield from (json.loads(line) for line in response.iter_lines() if line)

    def create(self, container: Mapping[str, Any], *, name: str) -> str:
        """Make a container and return its id."""
        with _translated():
            return str(self._patient.create_container_from_config(container, name=name)["Id"])

    def attached(self, container: str) -> AbstractContextManager[socket.socket]:
        """Give the socket of a container's streams."""
        return attach.attached(self._socket, container, api_version=self._patient.api_version)

    def start(self, container: str) -> None:
        """Start a container."""
        with _translated():
            self._patient.start(container)

    def wait(self, container: str, *, seconds: float) -> bool:
        """Wait for a container's end; False when Docker did not tell of it in time."""
        with _translated():
            try:
                self._patient.wait(container, timeout=seconds)
            except RequestException:
                return False
            return True

    def kill(self, container: str) -> None:
        """End a container by force."""
        with _translated(), suppress(APIError):
            self._patient.kill(container)

    def ended(self, container: str) -> Ended:
        """Return how a container ended. Docker hears of a kill for want of memory later than of the end."""
        with _translated():
            state = self._patient.inspect_container(container)["State"]
        nanoseconds = _nanoseconds(state["FinishedAt"]) - _nanoseconds(state["StartedAt"])
        return Ended(
            exit_code=int(state["ExitCode"]),
            is_out_of_memory=bool(state["OOMKilled"]),
            run_ms=-(-nanoseconds // 1_000_000),
        )

    def remove(self, container: str) -> None:
        """Remove a container, running or not."""
        with _translated(), suppress(NotFound):
            self._patient.remove_container(container, v=True, force=True)

    def labelled(self, label: str, value: str) -> list[str]:
        """Return the ids of all containers with a label."""
        with _translated():
            found = self._patient.containers(all=True, quiet=True, filters={"label": f"{label}={value}"})
        return [str(container["Id"]) for container in found]

    def _info(self) -> dict[str, Any]:
        with _translated():
            return dict(self._patient.info())  # Patiently: it starts programs to tell their versions.

    def _image(self, image: str) -> dict[str, Any]:
        with _translated():
            return dict(self._patient.inspect_image(image))


@contextmanager
def _translated() -> Iterator[None]:
    """Say in the agent's words how Docker failed."""
    try:
        yield
    except ImageNotFound as error:
        raise ImageAbsent(str(error)) from error
    except APIError as error:
        if error.status_code == _BAD_REQUEST:
            raise Unstartable(str(error.explanation)) from error
        raise EngineFailed(f"Docker Engine cannot do it: {error}") from error
    except _FAILURES as error:
        raise EngineFailed(f"Docker Engine does not answer: {error}") from error


def _nanoseconds(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0)

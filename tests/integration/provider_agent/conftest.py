"""Docker as an agent uses it, and images made to misbehave."""

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event as Flag

import docker
import pytest

from deploy.servers.docker_engine import DockerServer
from deploy.servers.registry import RegistryServer
from provider_agent.containers import engine as engines
from provider_agent.containers.registries import listed
from provider_agent.containers.running import ContainerRunner
from provider_agent.ports import RunReport
from tests.support.images import Images
from tests.support.tickets import PROVIDER_ID, a_ticket, now_ms, work_of
from wire.limits import Limits
from wire.messages import Ticket

Run = Callable[..., RunReport]


@pytest.fixture
def agents_engine(docker_engine: DockerServer) -> Iterator[engines.DockerEngine]:
    with closing(engines.DockerEngine(docker_engine.url)) as made:
        yield made


@pytest.fixture
def runner(agents_engine: engines.DockerEngine, registry: RegistryServer) -> ContainerRunner:
    return ContainerRunner(
        agents_engine, provider_id=PROVIDER_ID, allowed_registries=listed([registry.url]), clock=now_ms
    )


@pytest.fixture
def engine(docker_engine: DockerServer) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=docker_engine.url, version="auto")
    yield client
    client.close()


@pytest.fixture
def run(runner: ContainerRunner, engine: docker.APIClient) -> Run:
    """Runs a ticket and removes what is left, as the agent does; nothing may be there afterwards."""

    def run_ticket(ticket: Ticket) -> RunReport:
        report = runner.run(work_of(ticket), cancelled=Flag(), started=lambda _: None)
        runner.remove(ticket.job_id)
        assert engine.containers(all=True, filters={"label": f"chainfaas.job={ticket.job_id}"}) == []
        return report

    return run_ticket


@pytest.fixture
def program(images: Images) -> Callable[..., Ticket]:
    """Makes a ticket for a Python program."""

    def ticket_for(source: str, *, stdin: bytes = b"", **limits: int) -> Ticket:
        bounds = Limits(**{"timeout_ms": 60_000, **limits})
        return a_ticket(image=images.python, environment={"PROGRAM": source}, input=stdin, limits=bounds)

    return ticket_for


@pytest.fixture
def compiled(engine: docker.APIClient, registry: RegistryServer, tmp_path: Path) -> Callable[..., str]:
    """Makes an image of one static C program with the given mode and Dockerfile instructions; returns its link."""

    def image_of(name: str, source: str, *, mode: int = 0o755, changes: tuple[str, ...] = ()) -> str:
        (tmp_path / "main.c").write_text(source)
        subprocess.run(["gcc", "-static", "-o", "main", "main.c"], cwd=tmp_path, check=True)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tar.gettarinfo(str(tmp_path / "main"), "main")
            entry.mode, entry.uid, entry.gid = mode, 0, 0
            with (tmp_path / "main").open("rb") as file:
                tar.addfile(entry, file)
        repository = f"{registry.host}/{name}"
        entrypoint = ('ENTRYPOINT ["/main"]', *changes)
        engine.import_image_from_data(archive.getvalue(), repository=repository, tag="1", changes=list(entrypoint))
        for line in engine.push(repository, tag="1", stream=True, decode=True):
            if "aux" in line:
                return f"{repository}@{line['aux']['Digest']}"
        pytest.fail("the registry did not take the image")

    return image_of

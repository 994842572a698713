"""Images made here are what a Docker Engine pulls and runs."""

import hashlib
import json
import platform
import subprocess
from pathlib import Path

from deploy.images.demo import demo_image
from deploy.servers.docker_engine import DockerServer
from tests.support.images import Images


def _run(engine: DockerServer, image: str, given: bytes, *options: str) -> bytes:
    command = ["docker", "--host", engine.url, "run", "--rm", "-i", "--network=none", *options, image]
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=60).stdout


def test_the_demo_image_computes_on_its_input(docker_engine: DockerServer, images: Images) -> None:
    given = b"to be or not\tto be\n" * 50

    answer = json.loads(_run(docker_engine, images.demo, given))

    assert answer == {"bytes": len(given), "sha256": hashlib.sha256(given).hexdigest(), "words": 300}


def test_each_length_around_a_hash_block_is_right(tmp_path: Path) -> None:
    demo_image(tmp_path)
    for length in (0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 262_144):
        given = bytes(position % 251 for position in range(length))
        answer = json.loads(
            subprocess.run([tmp_path / "word-count"], input=given, capture_output=True, check=True).stdout
        )
        assert answer["sha256"] == hashlib.sha256(given).hexdigest()
        assert answer["words"] == len(given.split())


def test_the_same_files_make_the_same_image(tmp_path: Path) -> None:
    assert demo_image(tmp_path / "one").manifest == demo_image(tmp_path / "two").manifest


def test_the_python_image_runs_the_program_in_its_environment(docker_engine: DockerServer, images: Images) -> None:
    program = "import ssl, json, sys, platform; print(sys.stdin.read().upper(), platform.machine())"

    answer = _run(docker_engine, images.python, b"hello", f"--env=PROGRAM={program}", "--read-only", "--user=65534")

    assert answer.decode().split() == ["HELLO", platform.machine()]

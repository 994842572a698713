"""The whole sandbox in one place: what a function's container is given. All else it does not have."""

from collections.abc import Collection, Mapping
from typing import Any

from wire.limits import MIB
from wire.messages import Ticket

#: On each container: whose it is, and for which job.
PROVIDER_LABEL = "chainfaas.provider"
JOB_LABEL = "chainfaas.job"
#: The runtime that keeps containers in better, where the engine has it.
GVISOR = "runsc"

_SCRATCH_MAX_BYTES = 16 * MIB
_OPEN_FILES = 1024


def container_name(job_id: str) -> str:
    """Return the name of a job's container."""
    return f"chainfaas-{job_id}"


def container(ticket: Ticket, *, volumes: Collection[str] = (), runtime: str | None = None) -> dict[str, Any]:
    """Return what Docker's "create container" is told.

    `volumes` are the directories that the image declares as such; `runtime` None means Docker's default.
    """
    return {
        "Image": ticket.image,
        "Env": [f"{name}={value}" for name, value in sorted(ticket.environment.items())],
        "User": "65534:65534",  # Nobody, whatever the image says.
        "NetworkDisabled": True,
        "OpenStdin": True,
        "StdinOnce": True,  # The end of the input is the end of standard input.
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Healthcheck": {"Test": ["NONE"]},  # An image's own check would be a second process on the owner's bill.
        "Labels": {JOB_LABEL: ticket.job_id, PROVIDER_LABEL: ticket.provider_id},
        "HostConfig": _host_config(ticket, volumes, runtime),
    }


def _host_config(ticket: Ticket, volumes: Collection[str], runtime: str | None) -> dict[str, Any]:
    memory = ticket.limits.memory_mb * MIB
    scratch = min(_SCRATCH_MAX_BYTES, memory // 4)
    return {
        "NetworkMode": "none",
        "IpcMode": "private",
        "ReadonlyRootfs": True,
        "Mounts": [_scratch(path, scratch) for path in ("/tmp", *sorted(set(volumes) - {"/tmp"}))],  # noqa: S108 - the container's own
        "ShmSize": scratch,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],  # Docker's default seccomp profile stays on: nothing here turns it off.
        "Memory": memory,
        "MemorySwap": memory,  # Equal to Memory, or Docker quietly adds as much swap again.
        "NanoCpus": ticket.limits.cpu_millis * 1_000_000,
        "PidsLimit": ticket.limits.processes,
        "Ulimits": [
            {"Name": "nofile", "Soft": _OPEN_FILES, "Hard": _OPEN_FILES},
            {"Name": "core", "Soft": 0, "Hard": 0},  # A core dump lands where the host's kernel says, outside.
        ],
        "LogConfig": {"Type": "none"},  # The output goes to its caller only, never to this machine's disk.
        "RestartPolicy": {"Name": "no"},
        **({"Runtime": runtime} if runtime else {}),
    }


def _scratch(path: str, size: int) -> Mapping[str, Any]:
    """Memory, not disk: counted against the container's own limit. A declared volume would be disk without a limit."""
    return {"Type": "tmpfs", "Target": path, "TmpfsOptions": {"SizeBytes": size, "Mode": 0o1777}}

from provider_agent.containers import sandbox
from tests.support.tickets import a_ticket
from wire.limits import MIB, Limits


def test_the_sandbox_grants_this_and_nothing_else() -> None:
    ticket = a_ticket(limits=Limits(memory_mb=64, cpu_millis=500, processes=32), environment={"B": "2", "A": "1"})

    made = sandbox.container(ticket)
    host = made["HostConfig"]

    assert made["User"] == "65534:65534"
    assert made["NetworkDisabled"]
    assert made["Env"] == ["A=1", "B=2"]
    assert made["Labels"] == {"chainfaas.job": ticket.job_id, "chainfaas.provider": ticket.provider_id}
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == host["MemorySwap"] == 64 * MIB
    assert host["NanoCpus"] == 500_000_000
    assert host["PidsLimit"] == 32
    assert host["LogConfig"] == {"Type": "none"}
    assert {"Privileged", "Binds", "Devices", "CapAdd", "PidMode", "UsernsMode", "Runtime"}.isdisjoint(host)


def test_gvisor_is_used_where_it_is_installed() -> None:
    assert sandbox.container(a_ticket(), runtime="runsc")["HostConfig"]["Runtime"] == "runsc"


def test_only_memory_can_be_written_to_and_little_of_it() -> None:
    mounts = sandbox.container(a_ticket(limits=Limits(memory_mb=16)), volumes={"/data", "/tmp"})["HostConfig"]["Mounts"]  # noqa: S108

    assert [mount["Target"] for mount in mounts] == ["/tmp", "/data"]  # noqa: S108 - the container's own
    assert {mount["Type"] for mount in mounts} == {"tmpfs"}
    assert {mount["TmpfsOptions"]["SizeBytes"] for mount in mounts} == {4 * MIB}

"""The store in memory does what every store does."""

import pytest

from scheduler.specs import VersionSpec
from scheduler.states import JobState
from scheduler.store.testing import InMemoryStore
from tests.support.scheduling.marketplace import FakeProvider
from tests.support.scheduling.store_contract import StoreContract


class InsideMemory:
    def __init__(self) -> None:
        self.store = InMemoryStore()

    def add(self, version: VersionSpec, provider: FakeProvider, *, deposit: int) -> None:
        self.store.versions[version.version_id] = version
        self.store.enrolled[provider.id] = provider.spec
        self.store.deposits[version.developer_id] = deposit

    def job_state(self, job_id: str) -> JobState:
        return self.store.jobs[job_id].state

    def kept_receipt(self, job_id: str) -> str:
        return self.store.jobs[job_id].receipt

    def outbox(self) -> list[str]:
        return list(self.store.outbox)

    def spendable(self, version: VersionSpec) -> int:
        return self.store.deposits[version.developer_id]

    def spent_today(self, version: VersionSpec) -> int:
        return sum(
            amount for (function_id, _), amount in self.store.spent.items() if function_id == version.function_id
        )


class TestInMemoryStore(StoreContract):
    @pytest.fixture
    def inside(self) -> InsideMemory:
        return InsideMemory()

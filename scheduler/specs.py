"""What the scheduler knows of function versions and of providers."""

from dataclasses import dataclass
from uuid import UUID

from wire.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSpec:
    """What the scheduler has to know of a function version; immutable, so it may be kept for ever."""

    version_id: UUID
    function_id: UUID
    developer_id: UUID
    image: str
    architecture: str
    mode: str
    limits: Limits
    environment: tuple[tuple[str, str], ...]
    price_ceiling_nano_per_ms: int
    budget_micro_per_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSpec:
    """What the scheduler has to know of an enrolled provider that is not revoked."""

    provider_id: UUID
    owner_id: UUID
    signing_key_pem: str
    queue_secret: str

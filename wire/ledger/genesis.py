"""The first block's content: the pinned keys and the first fee policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wire.codec import decode, encode
from wire.errors import WireError
from wire.ledger import state_keys
from wire.ledger.fees import WHOLE_PPM
from wire.ledger.records import FeePolicy, PinnedKey, RoleKeys, Supply
from wire.ledger.states import KeyRole
from wire.signing import PublicKey

#: The two organisations that endorse; a third is a matter of configuration.
ORGANISATIONS = ("controller", "peers")
#: The id of the transaction that writes it.
GENESIS_TRANSACTION = "genesis"


class BadGenesis(WireError):
    """The genesis file is not usable; the message names the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Genesis:
    """What a ledger begins with."""

    controller_key_pem: str
    ticket_root_key_pem: str
    custody_key_pem: str
    treasury_key_pem: str
    #: An authority of each organisation, by the organisation's name.
    organisations: Mapping[str, str]
    fee_policy: FeePolicy
    #: Signs the embedded ledger's blocks.
    block_key_pem: str

    @classmethod
    def parse(cls, text: str) -> "Genesis":
        """Read a genesis file.

        :raises BadGenesis: when a field is missing or wrong, or a key serves twice.
        """
        try:
            return decode(cls, text).checked()
        except WireError as error:
            raise BadGenesis(str(error)) from error

    def text(self) -> str:
        """Return the genesis as canonical JSON."""
        return encode(self).decode()

    def checked(self) -> "Genesis":
        """Return the genesis itself when it is consistent.

        :raises BadGenesis: when it is not.
        """
        missing = [name for name in ORGANISATIONS if name not in self.organisations]
        if missing:
            raise BadGenesis(f"organisations: no authority for {', '.join(missing)}")
        checked_fees(self.fee_policy)
        seen: dict[str, str] = {}
        for name, pem in [*self._named_keys(), ("block_key_pem", self.block_key_pem)]:
            key_id = _key_id(name, pem)
            if key_id in seen:
                raise BadGenesis(f"{name}: is the same key as {seen[key_id]}")
            seen[key_id] = name
        return self

    def writes(self) -> dict[str, str | None]:
        """Return what the first block writes, in the order of the keys."""
        return {key: encode(record).decode() for key, record in sorted(self.state(), key=lambda item: item[0])}

    def state(self) -> Iterator[tuple[str, object]]:
        """Yield the records that the first block writes."""
        yield state_keys.genesis(), self
        yield state_keys.fee_policy(), self.fee_policy
        yield state_keys.supply(), Supply()
        roles = {
            self.controller_key_pem: KeyRole.CONTROLLER,
            self.ticket_root_key_pem: KeyRole.TICKET_ROOT,
            self.custody_key_pem: KeyRole.CUSTODY,
            self.treasury_key_pem: KeyRole.TREASURY,
        }
        for pem, role in roles.items():
            yield from _pinned(pem, role, "")
        for name, pem in self.organisations.items():
            yield from _pinned(pem, KeyRole.AUTHORITY, name)

    def _named_keys(self) -> Iterator[tuple[str, str]]:
        yield "controller_key_pem", self.controller_key_pem
        yield "ticket_root_key_pem", self.ticket_root_key_pem
        yield "custody_key_pem", self.custody_key_pem
        yield "treasury_key_pem", self.treasury_key_pem
        for name, pem in self.organisations.items():
            yield f"organisations.{name}", pem


def checked_fees(policy: FeePolicy) -> FeePolicy:
    """Return the policy itself when its shares leave the provider something.

    :raises BadGenesis: when they do not.
    """
    if min(policy.version, policy.platform_ppm, policy.peers_ppm) < 0:
        raise BadGenesis("fee_policy: expected whole numbers, none negative")
    if policy.platform_ppm + policy.peers_ppm > WHOLE_PPM:
        raise BadGenesis(f"fee_policy: platform_ppm and peers_ppm are more than {WHOLE_PPM} together")
    return policy


def _pinned(pem: str, role: KeyRole, holder: str) -> Iterator[tuple[str, object]]:
    key_id = PublicKey.from_pem(pem).key_id
    yield state_keys.key(key_id), PinnedKey(role=role, holder=holder, public_key_pem=pem)
    yield state_keys.role(role, holder), RoleKeys(key_ids=(key_id,))


def _key_id(name: str, pem: str) -> str:
    try:
        return PublicKey.from_pem(pem).key_id
    except WireError as error:
        raise BadGenesis(f"{name}: {error}") from error

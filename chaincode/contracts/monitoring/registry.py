"""Who provides and what may run: providers with their pinned keys, versions with their ceilings."""

from collections.abc import Iterator

from chaincode.contracts import accounts, checks, ownership
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire import limits
from wire.codec import to_plain
from wire.errors import Malformed
from wire.ledger import events, state_keys
from wire.ledger.operations import PublishVersion, RegisterProvider
from wire.ledger.records import PinnedKey, ProviderRecord, VersionRecord
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole
from wire.money import MAX_MICRO, cost_of
from wire.signing import PublicKey

_LIMITED = ("timeout_ms", "memory_mb", "cpu_millis")


def _register_reads(arguments: RegisterProvider) -> Iterator[str]:
    yield state_keys.provider(arguments.provider_id)
    yield state_keys.account(arguments.account_id)
    try:
        yield state_keys.key(PublicKey.from_pem(arguments.public_key_pem).key_id)
    except Malformed:
        return


def _publish_reads(arguments: PublishVersion) -> Iterator[str]:
    yield state_keys.version(arguments.version_id)
    yield from ownership.reads(arguments.developer_id)


class RegistryContract(Contract):
    """Providers and versions."""

    @transaction(RegisterProvider, reads=_register_reads)
    def register(self, ctx: Context, arguments: RegisterProvider) -> None:
        """Pin a provider's signing key and the account that is paid."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(provider_id=arguments.provider_id, account_id=arguments.account_id)
        checks.participant("account_id", arguments.account_id)
        key_id = checks.public_key("public_key_pem", arguments.public_key_pem).key_id
        if ctx.cache.get(ProviderRecord, state_keys.provider(arguments.provider_id)):
            raise Refused(Refusal.PROVIDER_EXISTS)
        if ctx.cache.get(PinnedKey, state_keys.key(key_id)):
            raise Refused(Refusal.KEY_TAKEN)
        provider = ProviderRecord(provider_id=arguments.provider_id, account_id=arguments.account_id, key_id=key_id)
        pinned = PinnedKey(role=KeyRole.PROVIDER, holder=arguments.provider_id, public_key_pem=arguments.public_key_pem)
        ctx.cache.put(state_keys.provider(arguments.provider_id), provider)
        ctx.cache.put(state_keys.key(key_id), pinned)
        accounts.open_account(ctx, arguments.account_id)
        ctx.emit(events.PROVIDER_REGISTERED, arguments.provider_id, to_plain(provider))

    @transaction(PublishVersion, reads=_publish_reads)
    def publish(self, ctx: Context, arguments: PublishVersion) -> None:
        """Record what jobs of a version may cost; never changed afterwards."""
        ownership.require_owner(ctx, arguments.developer_id)
        checks.identifiers(version_id=arguments.version_id, developer_id=arguments.developer_id)
        checks.participant("developer_id", arguments.developer_id)
        checks.image("image", arguments.image)
        checks.limits({name: getattr(arguments, name) for name in _LIMITED}, limits.BOUNDS)
        checks.numbers(price_ceiling_nano_per_ms=arguments.price_ceiling_nano_per_ms)
        checks.within("budget_micro_per_day", arguments.budget_micro_per_day, (0, MAX_MICRO))
        longest = cost_of(run_ms=arguments.timeout_ms, price_nano_per_ms=arguments.price_ceiling_nano_per_ms)
        checks.within("price_ceiling_nano_per_ms * timeout_ms", longest, (0, MAX_MICRO))
        if ctx.cache.get(VersionRecord, state_keys.version(arguments.version_id)):
            raise Refused(Refusal.VERSION_EXISTS)
        version = VersionRecord(**to_plain(arguments))
        ctx.cache.put(state_keys.version(arguments.version_id), version)
        ctx.emit(events.VERSION_PUBLISHED, arguments.version_id, to_plain(version))

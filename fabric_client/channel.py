"""The channel's configuration, and the change of it that revokes an organisation's certificates."""

from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.msp import msp_config_pb2

_GROUPS = ("Application", "Orderer")
_VALUE = "MSP"


def configuration_of(block: bytes) -> Any:
    """Return the `Config` in a configuration block."""
    envelope = common_pb2.Envelope.FromString(common_pb2.Block.FromString(block).data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    return configtx_pb2.ConfigEnvelope.FromString(payload.data).config


def revoked(config: Any, msp_id: str) -> tuple[bytes, ...]:
    """Return an organisation's revocation lists as the channel has them."""
    organisation = config.channel_group.groups["Application"].groups[msp_id]
    return tuple(_msp(organisation).revocation_list)


def revocation_update(config: Any, channel: str, msp_id: str, revocation_list: bytes) -> bytes:
    """Return the change of the channel that gives an organisation this revocation list: an unsigned `Envelope`.

    An organisation that runs orderers is described twice, and both have to say the same.
    """
    update = configtx_pb2.ConfigUpdate(channel_id=channel)
    for name in _GROUPS:
        group = config.channel_group.groups[name]
        if msp_id in group.groups:
            _change(update, config, name, msp_id, revocation_list)
    return _envelope(channel, update)


def _change(update: Any, config: Any, name: str, msp_id: str, revocation_list: bytes) -> None:
    for side in (update.read_set, update.write_set):
        side.version = config.channel_group.version
        side.groups[name].version = config.channel_group.groups[name].version
        side.groups[name].groups[msp_id].version = config.channel_group.groups[name].groups[msp_id].version
    organisation = config.channel_group.groups[name].groups[msp_id]
    stored = organisation.values[_VALUE]
    described = _msp(organisation)
    del described.revocation_list[:]
    described.revocation_list.append(revocation_list)
    changed = update.write_set.groups[name].groups[msp_id].values[_VALUE]
    changed.version = stored.version + 1
    changed.mod_policy = stored.mod_policy
    msp = msp_config_pb2.MSPConfig.FromString(stored.value)
    msp.config = described.SerializeToString()
    changed.value = msp.SerializeToString()


def _msp(organisation: Any) -> Any:
    msp = msp_config_pb2.MSPConfig.FromString(organisation.values[_VALUE].value)
    return msp_config_pb2.FabricMSPConfig.FromString(msp.config)


def _envelope(channel: str, update: Any) -> bytes:
    content = configtx_pb2.ConfigUpdateEnvelope(config_update=update.SerializeToString())
    header = common_pb2.ChannelHeader(type=common_pb2.CONFIG_UPDATE, channel_id=channel)
    payload = common_pb2.Payload(
        header=common_pb2.Header(channel_header=header.SerializeToString()), data=content.SerializeToString()
    )
    return bytes(common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString())

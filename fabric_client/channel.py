"""The channel's configuration: who may read it, and the change of it that revokes an organisation's certificates."""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from fabric_protos.common import common_pb2, configtx_pb2, policies_pb2
from fabric_protos.msp import msp_config_pb2, msp_principal_pb2

from fabric_client.blocks import data_hash

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


def let_units_read(block: bytes, unit: str, roots: Mapping[str, bytes]) -> bytes:
    """Return a channel's first block in which, of each organisation's clients, only those of a unit may read blocks.

    Its nodes and administrators may read. `roots` are the organisations' root certificates in PEM, by MSP id.
    """
    first = common_pb2.Block.FromString(block)
    envelope = common_pb2.Envelope.FromString(first.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    content = configtx_pb2.ConfigEnvelope.FromString(payload.data)
    for name in _GROUPS:
        for msp_id, organisation in content.config.channel_group.groups[name].groups.items():
            readers = organisation.policies["Readers"].policy
            readers.value = _readers(msp_id, unit, roots[msp_id]).SerializeToString()
    payload.data = content.SerializeToString()
    envelope.payload = payload.SerializeToString()
    first.data.data[0] = envelope.SerializeToString()
    first.header.data_hash = data_hash(first)
    return bytes(first.SerializeToString())


def _readers(msp_id: str, unit: str, root: bytes) -> Any:
    """Return the policy that one of these signs: a node, an administrator, a member of the unit."""
    roles = (msp_principal_pb2.MSPRole.PEER, msp_principal_pb2.MSPRole.ORDERER, msp_principal_pb2.MSPRole.ADMIN)
    principals = [
        (
            msp_principal_pb2.MSPPrincipal.ROLE,
            msp_principal_pb2.MSPRole(msp_identifier=msp_id, role=role),
        )
        for role in roles
    ]
    certifier = x509.load_pem_x509_certificate(root).fingerprint(hashes.SHA256())
    of_unit = msp_principal_pb2.OrganizationUnit(
        msp_identifier=msp_id, organizational_unit_identifier=unit, certifiers_identifier=certifier
    )
    principals.append((msp_principal_pb2.MSPPrincipal.ORGANIZATION_UNIT, of_unit))
    one_of = policies_pb2.SignaturePolicy.NOutOf(
        n=1, rules=[policies_pb2.SignaturePolicy(signed_by=number) for number in range(len(principals))]
    )
    return policies_pb2.SignaturePolicyEnvelope(
        rule=policies_pb2.SignaturePolicy(n_out_of=one_of),
        identities=[
            msp_principal_pb2.MSPPrincipal(principal_classification=kind, principal=value.SerializeToString())
            for kind, value in principals
        ],
    )


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

"""Who is on the channel: orderers and peers join it with its first block."""

from concurrent.futures import ThreadPoolExecutor

from deploy.fabric.network import Network, Node, NodeRole, Places
from deploy.fabric.nodes.peers import PeerCommand, run
from deploy.fabric.tools import FabricTools

_THREADS = 4


def join(tools: FabricTools, places: Places, network: Network) -> None:
    """Let all orderers and peers join; those that have joined stay as they are."""
    with ThreadPoolExecutor(_THREADS) as pool:
        # A list: it raises what one of them raised.
        list(pool.map(lambda node: join_orderer(tools, places, network, node), network.of(NodeRole.ORDERER)))
        list(pool.map(lambda node: join_peer(tools, places, network, node), network.of(NodeRole.PEER)))


def join_orderer(tools: FabricTools, places: Places, network: Network, node: Node) -> None:
    """Let an orderer join, by the certificate of its own organisation."""
    tls = places.node(node).resolve() / "tls"
    admin = ["-o", network.address(node, "admin"), "--ca-file", tls / "ca.pem"]
    client = ["--client-cert", tls / "cert.pem", "--client-key", tls / "key.pem"]
    block = places.channel_block.resolve()
    osnadmin = tools.path("osnadmin").resolve()
    run(
        [osnadmin, "channel", "join", "--channelID", network.channel, "--config-block", block, *admin, *client],
        {},
        harmless="channel already exists",
    )


def join_peer(tools: FabricTools, places: Places, network: Network, node: Node) -> None:
    """Let a peer join."""
    command = PeerCommand(tools, places, network, node)
    command.run("channel", "join", "-b", places.channel_block.resolve(), harmless="already exists")

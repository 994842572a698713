"""The one question to the portal: certificates for keys that stay here, and what there is to know of the network."""

from peer_operator.home import OperatorKeys
from wire.codec import encode
from wire.enrolment import certificate_request, code_digest
from wire.http.portal import PortalClient
from wire.joining import JoinKit, JoinStatement, names_of
from wire.signing import JOINING


def ask(portal: str, code: str, *, keys: OperatorKeys, host: str) -> JoinKit:
    """Return what the portal answers; the same question again gets certificates again.

    :raises PortalFailed: when it refuses, does not answer, or is no such portal.
    """
    names = names_of(keys.operator.public.key_id, keys.peer.public.key_id)
    statement = JoinStatement(
        code_digest=code_digest(code),
        public_key_pem=keys.operator.public.pem,
        host=host,
        operator_request=certificate_request(names.operator, keys.operator),
        peer_request=certificate_request(names.peer, keys.peer),
        tls_request=certificate_request(names.peer, keys.tls),
    )
    body = {"code": code, "statement": keys.operator.sign(encode(statement), JOINING)}
    with PortalClient(portal, plain_on_loopback=True) as client:
        return client.ask(JoinKit, "joins", body)

"""Asks image registries (HTTP API v2): pins a link to a digest, size and architecture; bounded in time and bytes."""

import asyncio
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from portal.functions.addresses import RegistryList, Resolver, Target, locate, system_resolver
from portal.functions.errors import ImageMissing, ImageUnsuitable, RegistryFailed, RegistryNotAllowed
from portal.functions.images import ImageLink, PinnedImage
from portal.functions.manifests import ACCEPT, Index, Manifest, check_config, digest_of, read_manifest
from wire.codec import parse_object
from wire.errors import Malformed

SECONDS = 10.0
MAX_BYTES = 4 * 1024 * 1024
MAX_REDIRECTS = 3
#: Docker Hub's registry answers at another name than its images carry.
_API_HOSTS = {"docker.io": "registry-1.docker.io"}
_CHALLENGE = re.compile(r'([a-z]+)="([^"]*)"')
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AUTHORITY = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?")
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_MISSING = "The registry has no such image, or does not show it without a login."


class HttpRegistry:
    """Registries over HTTP. One call takes at most `seconds`, whatever the other side does."""

    def __init__(self, allowed: RegistryList, *, resolve: Resolver = system_resolver, seconds: float = SECONDS) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._seconds = seconds

    def pin(self, link: ImageLink, architecture: str) -> PinnedImage:
        return asyncio.run(self._pin_in_time(link, architecture))

    async def _pin_in_time(self, link: ImageLink, architecture: str) -> PinnedImage:
        try:
            async with asyncio.timeout(self._seconds), httpx.AsyncClient(trust_env=False, timeout=None) as http:  # noqa: S113 - asyncio.timeout bounds all of it
                session = _Session(http=http, allowed=self._allowed, resolve=self._resolve, link=link)
                return await _pin(session, link, architecture)
        except TimeoutError as error:
            raise RegistryFailed(f"The registry {link.registry} did not answer within {self._seconds:g} s.") from error
        except httpx.HTTPError as error:
            raise RegistryFailed(f"The registry {link.registry} cannot be reached: {type(error).__name__}.") from error


async def _pin(session: "_Session", link: ImageLink, architecture: str) -> PinnedImage:
    manifest = await _manifest(session, link.reference)
    if isinstance(manifest, Index):
        manifest = await _manifest(session, manifest.choose(architecture))
    if not isinstance(manifest, Manifest):
        raise ImageUnsuitable("The image's index points to another index.")
    config = await session.get(f"blobs/{manifest.config_digest}")
    if digest_of(config.body) != manifest.config_digest:
        raise RegistryFailed("The registry sent another configuration than the manifest names.")
    check_config(config.body, architecture)
    return PinnedImage(image=link.pinned(manifest.digest), size=manifest.size, architecture=architecture)


async def _manifest(session: "_Session", reference: str) -> Index | Manifest:
    answer = await session.get(f"manifests/{reference}")
    found = digest_of(answer.body)
    said = answer.headers.get("docker-content-digest", found)
    if found != said or (":" in reference and found != reference):
        raise RegistryFailed("The registry sent another manifest than its digest says.")
    return read_manifest(answer.body, answer.headers.get("content-type", ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes


@dataclass(kw_only=True, slots=True)
class _Session:
    """One conversation about one image: it logs in when asked to, and follows redirects to allowed places only."""

    http: httpx.AsyncClient
    allowed: RegistryList
    resolve: Resolver
    link: ImageLink
    token: str = ""
    targets: dict[str, Target] = field(default_factory=dict)

    async def get(self, path: str) -> _Answer:
        authority = _API_HOSTS.get(self.link.registry, self.link.registry)
        scheme = self.allowed.schemes.get(authority, "https")
        url = f"{scheme}://{authority}/v2/{self.link.repository}/{path}"
        answer = await self._follow(url)
        if answer.status == HTTPStatus.UNAUTHORIZED and not self.token:
            self.token = await self._log_in(answer.headers.get("www-authenticate", ""))
            answer = await self._follow(url)
        if answer.status == HTTPStatus.NOT_FOUND or answer.status in _REFUSED:
            raise ImageMissing(_MISSING)
        if answer.status != HTTPStatus.OK:
            raise RegistryFailed(f"The registry answered with status {answer.status}.")
        return answer

    async def _follow(self, url: str) -> _Answer:
        home = urlsplit(url).netloc
        for _ in range(MAX_REDIRECTS + 1):
            # The token is for the registry: whoever it sends us to does not get it.
            token = self.token if urlsplit(url).netloc == home else ""
            answer = await self._once(url, token)
            if answer.status not in _REDIRECTS:
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
        raise RegistryFailed(f"The registry redirects more than {MAX_REDIRECTS} times.")

    async def _once(self, url: str, token: str) -> _Answer:
        target = await self._locate(url)
        parts = urlsplit(url)
        headers = {"Host": target.authority, "Accept": ACCEPT, "Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        address = f"{target.url}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        # The certificate has to be the name's, although the connection goes to the checked address.
        extensions = {"sni_hostname": target.host}
        async with self.http.stream("GET", address, headers=headers, extensions=extensions) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise RegistryFailed(f"The registry sent more than {MAX_BYTES // 1024**2} MiB.")
            return _Answer(status=response.status_code, headers=response.headers, body=bytes(body))

    async def _locate(self, url: str) -> Target:
        parts = urlsplit(url)
        authority = parts.netloc.lower()
        if parts.scheme not in ("http", "https") or not _AUTHORITY.fullmatch(authority):
            raise RegistryNotAllowed(f"The registry points to {url[:80]!r}, which is no place for images.")
        place = f"{parts.scheme}://{authority}"
        if place not in self.targets:
            self.targets[place] = await asyncio.to_thread(
                locate, parts.scheme, authority, allowed=self.allowed, resolve=self.resolve
            )
        return self.targets[place]

    async def _log_in(self, challenge: str) -> str:
        scheme, _, rest = challenge.partition(" ")
        wanted = dict(_CHALLENGE.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in wanted:
            raise ImageMissing("The registry asks for a login that is not token authentication; use a public image.")
        asked = {"service": wanted.get("service", ""), "scope": f"repository:{self.link.repository}:pull"}
        separator = "&" if "?" in wanted["realm"] else "?"
        answer = await self._once(f"{wanted['realm']}{separator}{urlencode(asked)}", "")
        if answer.status != HTTPStatus.OK:
            raise ImageMissing(_MISSING)
        try:
            plain = parse_object(answer.body)
        except Malformed as error:
            raise RegistryFailed("The registry's token service sent no token.") from error
        token = plain.get("token") or plain.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise RegistryFailed("The registry's token service sent no token.")
        return token

"""Who may talk to the server: anyone with the token, from one of the server's own pages or from no page at all. Who has
the ticket of a deferred step may complete that, and nothing else.

The address that the command prints carries the token; opening it turns the token into a cookie and leaves it out of
the address bar. A name that somebody else points at this machine is refused by the Host header, a page of somebody
else by Origin and by what browsers say of themselves.
"""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 4096  #: bytes of a request's body
COMPLETE = "/complete"  #: what a ticket opens, without the token of the server
MOST_VALUE = 1_000_000  #: bytes of the body of a request to that
MOST_PATH = 200  #: characters of its path
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Access:
    """Lets a request through to the app or refuses it, and puts what browsers must know on every response."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"sequent-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(scope)
        if answer is None:
            await self._app(scope, _limited(receive, _most(scope)), guarded)
        else:
            await answer(scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """What to answer without asking the app; None where the app may answer."""
        headers = Headers(scope=scope)
        refusal = self._foreign(scope["method"], headers)
        if refusal is not None:
            return _refused(403, refusal)
        if scope["method"] == "GET" and scope["path"] == "/" and scope["query_string"]:
            return self._signed_in(scope["query_string"])
        is_opened_by_ticket = scope["method"] == "POST" and scope["path"] == COMPLETE
        if not is_opened_by_ticket and not self._is_known(headers):
            return _refused(401, "open the address that `sequent serve` printed; it carries the token")
        if len(scope["path"]) > MOST_PATH:
            return _refused(414, "there is no page with so long an address")
        if scope["method"] == "POST" and not _is_small(headers, _most(scope)):
            return _refused(413, f"a request needs a Content-Length of at most {_most(scope)} bytes")
        return None

    def _foreign(self, method: str, headers: Headers) -> str | None:
        """Why a request comes from elsewhere; None for one of the server's own pages or of no page."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "this server does not answer to that host name"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "the request comes from another site; open the printed address in a window of its own"
        origin = headers.get("origin")
        if origin is None:
            needed = method not in ("GET", "HEAD") and "authorization" not in headers
            return "the request does not say which page it comes from" if needed else None
        return None if origin == f"http://{hosts[0]}" else "the request comes from a page of another origin"

    def _signed_in(self, query: bytes) -> Response:
        given = parse_qs(query.decode("latin-1")).get("token", [])
        if len(given) != 1 or not self._is_token(given[0]):
            return _refused(401, "this is not the token of this server; open the address that it printed")
        found = RedirectResponse("/", 303)
        found.set_cookie(self._cookie, given[0], httponly=True, samesite="strict", path="/")
        return found

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme:
            return scheme.lower() == "bearer" and self._is_token(given.strip())
        return self._is_token(cookie_parser(headers.get("cookie", "")).get(self._cookie, ""))

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token)


def _most(scope: Scope) -> int:
    """How many bytes the body of a request may have."""
    return MOST_VALUE if scope["path"] == COMPLETE else MOST_BODY


def _is_small(headers: Headers, most: int) -> bool:
    if "content-length" not in headers and "transfer-encoding" not in headers:
        return True  # it has no body
    length = headers.get("content-length", "")
    return length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= most


def _limited(receive: Receive, most: int) -> Receive:
    """The same, for no more than a body may have, whatever its length was said to be."""
    left = most

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return limited


def _refused(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)

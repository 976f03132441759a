"""The pages and what they ask for: the list of runs, a run, the changes of both, and requests to runs and programs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from eventcore.define.answer import Answer
from eventcore.define.codecs import NotStorableError
from eventcore.errors import EventcoreError
from visual.page.access import COMPLETE
from visual.page.engines import Engines
from visual.page.feed import Feed
from visual.page.steering import VERBS, RequestError, asked, completed, started
from visual.page.stores import Stores
from visual.page.topics import AllRuns, OneRun, Topic
from visual.report.build import title_of
from visual.report.page import LIVE, RUNS, Kind, assembled

PING = 15  #: seconds between signs of life to a page that is told nothing else
RUN = "/stores/{store:int}/runs/{number:int}"


class Pages:
    """Answers requests that are let through (see `visual.page.access`)."""

    def __init__(self, stores: Stores, engines: Engines, feed: Feed) -> None:
        self._stores = stores
        self._engines = engines
        self._feed = feed

    def app(self) -> Starlette:
        """The routes."""
        return Starlette(
            routes=[
                Route("/", self._runs),
                Route("/changes", self._runs_changes),
                Route(RUN, self._run),
                Route(f"{RUN}/changes", self._run_changes),
                Route(COMPLETE, self._complete, methods=["POST"]),
                Route(f"{RUN}/{{verb}}", self._steer, methods=["POST"]),
                Route("/stores/{store:int}/programs/{number:int}/start", self._start, methods=["POST"]),
            ]
        )

    async def _runs(self, _: Request) -> Response:
        data = await run_in_threadpool(_seen, AllRuns(self._stores, self._engines))
        return _page(RUNS, data, "Runs")

    async def _run(self, request: Request) -> Response:
        data = await run_in_threadpool(_seen, self._topic(request))
        svg = data.pop("svg")
        return _page(LIVE, data, title_of(data), svg)

    def _topic(self, request: Request) -> OneRun:
        return OneRun(self._location(request), request.path_params["number"])

    def _location(self, request: Request) -> str:
        try:
            return self._stores.at(request.path_params["store"])
        except KeyError:
            raise HTTPException(404, "there is no such store") from None

    async def _runs_changes(self, _: Request) -> Response:
        return self._changes("runs", lambda: AllRuns(self._stores, self._engines))

    async def _run_changes(self, request: Request) -> Response:
        topic = self._topic(request)
        return self._changes("run {store}.{number}".format_map(request.path_params), lambda: topic)

    def _changes(self, name: str, topic: Callable[[], Topic]) -> Response:
        async def told() -> AsyncIterator[dict[str, str]]:
            listener = self._feed.listen(name, topic)
            try:
                async for change in listener.changes():
                    yield {"data": change}
            finally:
                self._feed.leave(name, listener)

        return EventSourceResponse(told(), ping=PING, sep="\n")

    async def _steer(self, request: Request) -> Response:
        verb, location = request.path_params["verb"], self._location(request)
        if verb not in VERBS:
            raise HTTPException(404)
        number = request.path_params["number"]
        return await self._answered(request, lambda named: asked(location, number, verb, named, self._engines))

    async def _complete(self, request: Request) -> Response:
        scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return _refused(401, "send the ticket in the header: Authorization: Bearer TICKET")
        return await self._answered(request, lambda named: completed(self._stores, ticket.strip(), named))

    async def _start(self, request: Request) -> Response:
        location, number = self._location(request), request.path_params["number"]
        return await self._answered(request, lambda named: started(location, number, named, self._engines))

    async def _answered(self, request: Request, do: Callable[[Any], str | Answer]) -> Response:
        """Do what the request's body names, and answer with what has become of it."""
        try:
            named = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            return _refused(400, "the request is not JSON")
        except ClientDisconnect:
            return _refused(413, "the request is too large")
        try:
            answer = await run_in_threadpool(do, named)
        except KeyError:
            return _refused(404, "it is not there any more; load the page again")
        except (RequestError, EventcoreError, NotStorableError) as error:
            return _refused(409, str(error))
        self._feed.hurry()
        if isinstance(answer, str):
            return JSONResponse({"answer": answer})
        if answer.is_refused:
            return _refused(409, answer.reason or "refused")
        return JSONResponse({"answer": str(answer)}, 200 if answer.is_done else 202)


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"refused": reason}, status)


def _seen(topic: Topic) -> dict[str, Any]:
    try:
        return dict(topic.look().data)
    except KeyError:
        raise HTTPException(404, "there is no such run") from None
    except EventcoreError as error:
        raise HTTPException(503, str(error)) from None


def _page(kind: Kind, data: Mapping[str, object], title: str, svg: str | None = None) -> Response:
    text, policy = assembled(kind, data, title, svg, connect="'self'")
    return HTMLResponse(text, headers={"content-security-policy": f"{policy}; frame-ancestors 'none'"})

"""The pages and what they ask for: the list of runs, a run, the changes of both, and requests to a run."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from eventcore.errors import EventcoreError
from eventcore.record.reading import reading
from visual.page.feed import Feed
from visual.page.steering import VERBS, RequestError, asked
from visual.page.topics import OneRun, Topic, list_of_runs
from visual.report.build import title_of
from visual.report.page import LIVE, RUNS, Kind, assembled

PING = 15  #: seconds between signs of life to a page that is told nothing else


class Pages:
    """Answers requests that are let through (see `visual.page.access`)."""

    def __init__(self, location: str, feed: Feed) -> None:
        self._location = location
        self._feed = feed

    def app(self) -> Starlette:
        """The routes."""
        return Starlette(
            routes=[
                Route("/", self._runs),
                Route("/changes", self._runs_changes),
                Route("/runs/{number:int}", self._run),
                Route("/runs/{number:int}/changes", self._run_changes),
                Route("/runs/{number:int}/{verb}", self._steer, methods=["POST"]),
            ]
        )

    async def _runs(self, _: Request) -> Response:
        data = await run_in_threadpool(self._seen, list_of_runs)
        return _page(RUNS, data, "Runs")

    async def _run(self, request: Request) -> Response:
        data = await run_in_threadpool(self._seen, OneRun(request.path_params["number"]))
        svg = data.pop("svg")
        return _page(LIVE, data, title_of(data), svg)

    def _seen(self, topic: Topic) -> dict[str, Any]:
        try:
            with reading(self._location) as reader:
                return dict(topic(reader, time.time()).data)
        except KeyError:
            raise HTTPException(404, "there is no such run") from None
        except EventcoreError as error:
            raise HTTPException(503, str(error)) from None

    async def _runs_changes(self, _: Request) -> Response:
        return self._changes("runs", lambda: list_of_runs)

    async def _run_changes(self, request: Request) -> Response:
        number: int = request.path_params["number"]
        return self._changes(f"run {number}", lambda: OneRun(number))

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
        verb = request.path_params["verb"]
        if verb not in VERBS:
            raise HTTPException(404)
        try:
            named = json.loads(await request.body() or b"{}")
            answer = await run_in_threadpool(asked, self._location, request.path_params["number"], verb, named)
        except (ValueError, RecursionError):
            return JSONResponse({"refused": "the request is not JSON"}, 400)
        except ClientDisconnect:
            return JSONResponse({"refused": "the request is too large"}, 413)
        except KeyError:
            return JSONResponse({"refused": "there is no such run"}, 404)
        except (RequestError, EventcoreError) as error:
            return JSONResponse({"refused": str(error)}, 409)
        self._feed.hurry()
        if answer.is_refused:
            return JSONResponse({"refused": answer.reason}, 409)
        return JSONResponse({"answer": "done" if answer.is_done else f"recorded; {answer.reason}"})


def _page(kind: Kind, data: Mapping[str, object], title: str, svg: str | None = None) -> Response:
    text, policy = assembled(kind, data, title, svg, connect="'self'")
    return HTMLResponse(text, headers={"content-security-policy": f"{policy}; frame-ancestors 'none'"})

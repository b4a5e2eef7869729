"""`/healthz`, `/readyz` and `/metrics`: what may be asked over TCP by anybody who reaches the port.

`/healthz` fails only when the deciding loop has not moved for HEARTBEAT_MAX: a restart may help
then, and hardly otherwise. `/readyz` fails while nothing can be decided, and says why, since when
and how much is owed. `/metrics` is for Prometheus, in the format it asks for. Nothing can be
changed here, and nothing else is answered.
"""

import asyncio
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tools.vitals import Health, Readiness
from tools.web.api import failed, not_served

HEALTH = "/healthz"
READINESS = "/readyz"
METRICS = "/metrics"
NOT_CACHED = {"Cache-Control": "no-store"}


class Asked(Protocol):
    """Who knows how the server does."""

    def health(self) -> Health:
        """Return whether the deciding loop moves; this does not block."""
        ...

    def readiness(self) -> Readiness:
        """Return whether anything can be decided."""
        ...


class Probes:
    """The three endpoints."""

    def __init__(self, asked: Asked, metrics: Collector) -> None:
        self._asked = asked
        self._registry = CollectorRegistry()
        self._registry.register(metrics)
        self._is_scraped = asyncio.Lock()  # one scrape at a time: each holds all it answers

    def app(self) -> Starlette:
        """Return the application."""
        app = Starlette(
            routes=[
                Route(HEALTH, self.health),
                Route(READINESS, self.readiness),
                Route(METRICS, self.metrics),
            ],
            exception_handlers={HTTPException: not_served, Exception: failed},
        )
        app.router.redirect_slashes = False
        return app

    async def health(self, _: Request) -> Response:
        """Answer whether the deciding loop moves."""
        health = self._asked.health()
        return told(health, is_good=health.is_healthy)

    async def readiness(self, _: Request) -> Response:
        """Answer whether anything can be decided."""
        ready = await run_in_threadpool(self._asked.readiness)
        return told(ready, is_good=ready.is_ready)

    async def metrics(self, request: Request) -> Response:
        """Answer all metrics."""
        try:
            encode, kind = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # a version that is no number
            encode, kind = choose_encoder("")
        async with self._is_scraped:
            body = await run_in_threadpool(encode, self._registry)
        return Response(body, headers=NOT_CACHED | {"Content-Type": kind})


def told(answer: Health | Readiness, *, is_good: bool) -> Response:
    """Return an answer to a probe."""
    return Response(
        msgspec.json.encode(answer),
        200 if is_good else 503,
        headers=NOT_CACHED,
        media_type="application/json",
    )

"""`/api/v1`: wishes and questions over HTTP, answered from the executor and the views.

Each command of `routes.ROUTES` is one endpoint; all of them do the same: read the request strictly,
look up what it names, let `admission` look at it, hand it to the executor, and answer when it is
durable and the views show it. All of that blocks, and is done on threads; the event loop only reads
and sends. The status has threads of its own, so that it is told also when every other one waits for
a full disk. Errors become problem documents in one place, and no document tells about the inside of
the server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from scheduler.executor.clock import Clock
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.loop import Executor
from scheduler.executor.messages import Wish as Asked
from scheduler.log.contract import Meta
from scheduler.model import commands as c
from scheduler.model.errors import BadInput, HorologError, NotAuthorised, Unreachable
from scheduler.model.jobs import BackfillId, JobId, RunId
from scheduler.model.json_values import shown
from scheduler.model.limits import BATCH_WISHES_MAX, DECISION_PATIENCE, VIEWS_PATIENCE
from scheduler.model.streams import backfill_stream, call_stream, job_stream
from services.loading import Loaded
from tools.admission import Admission, Jobs
from tools.known_services import told_services
from tools.settings import Settings
from tools.vitals import Readiness
from tools.web import bodies, problems, routes
from tools.web.lists import Lists, Read
from tools.wishes import Told, Wish, told, told_facts

CHANNEL = "socket"
Endpoint = Callable[[Request], Awaitable[Response]]


class Parts(NamedTuple):
    """What the interface stands on; handed in by whoever serves."""

    settings: Settings
    clock: Clock
    executor: Executor
    admission: Admission
    lists: Lists
    taken_of: Callable[[Sequence[str]], Container[str]]  # those of these that the log has
    purge: Callable[[], object]  # wait until what was erased is gone
    wait_for_views: Callable[[int, float], bool]  # position, seconds
    status: Callable[[], Mapping[str, object]]
    readiness: Callable[[], Readiness]
    request_stop: Callable[[str], None]  # for whom
    services: Callable[[], Loaded]
    reload: Callable[[str | None], Future[Loaded]]  # for whom


class Api:
    """The endpoints."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def app(self) -> Starlette:
        """Return the application."""
        asked: list[tuple[str, str, Endpoint]] = [
            ("POST", routes.BATCH, self.batch),
            ("POST", routes.SHUTDOWN, self.shutdown),
            ("GET", routes.STATUS, self.status),
            ("GET", routes.READINESS, self.readiness),
            ("GET", routes.SERVICES, self.services),
            ("POST", routes.RELOAD, self.reload),
        ]
        asked += [("GET", path, reading(read)) for path, read in self._parts.lists.by_path.items()]
        asked += [(route.method, route.path, self.writing(route)) for route in routes.ROUTES]
        return Starlette(
            routes=[HttpRoute(path, endpoint, methods=[verb]) for verb, path, endpoint in asked],
            exception_handlers={
                HorologError: refused,
                HTTPException: not_served,
                Exception: failed,
            },
        )

    # -- writing

    def writing(self, route: routes.Route) -> Endpoint:
        """Return the endpoint of a command."""

        async def endpoint(request: Request) -> Response:
            raw = await bodies.raw_body(request)
            return await run_in_threadpool(self._one, route, request, raw)

        return endpoint

    async def batch(self, request: Request) -> Response:
        """Answer many wishes, each for itself."""
        raw = await bodies.raw_body(request)
        return await run_in_threadpool(self._many, request, raw)

    def _one(self, route: routes.Route, request: Request, raw: bytes) -> Response:
        answer = self._told([self._wish(route, request, raw)], actor_of(request))[0]
        if isinstance(answer, HorologError):
            raise answer
        return as_json(answer)

    def _many(self, request: Request, raw: bytes) -> Response:
        body = bodies.value_of(raw)
        wishes = self._wishes(body, is_dry=bodies.is_dry_run(request))
        has_more = isinstance(body, dict) and body.get("more", False)
        answers = self._told(wishes, actor_of(request), has_more=has_more)
        return as_json({"answers": [entry_of(answer) for answer in answers]})

    def _wish(self, route: routes.Route, request: Request, raw: bytes) -> Wish:
        """Return the wish of a request, which may be decided."""
        key, dry_run = bodies.key_of(request), bodies.is_dry_run(request)
        wish = routes.wish_of(route, request.path_params, bodies.value_of(raw), self._ground())
        wish = replace(wish, key=key, dry_run=dry_run)
        return self._admitted(wish, self._taken_of([wish]))

    def _wishes(self, body: object, *, is_dry: bool) -> list[Wish | HorologError]:
        """Return the wishes of a batch, each of which may be decided or says why not."""
        entries = body.get("wishes") if isinstance(body, dict) else None
        if not isinstance(entries, list) or not is_batch(body):
            raise BadInput.at("$", "is no batch.", 'A batch is {"wishes": [...]}')
        if len(entries) > BATCH_WISHES_MAX:
            raise BadInput.at(
                "$.wishes", f"there are {len(entries):,}; at most {BATCH_WISHES_MAX} at a time."
            )
        ground = self._ground()
        read: list[Wish | HorologError] = []
        for place, entry in enumerate(entries):
            try:
                wish = routes.wish_of_entry(entry, f"$.wishes[{place}]", ground)
                read.append(replace(wish, dry_run=is_dry))
            except HorologError as error:
                read.append(error)
        taken = self._taken_of(read)
        wishes: list[Wish | HorologError] = []
        for one in read:
            try:
                wishes.append(self._admitted(one, taken) if isinstance(one, Wish) else one)
            except HorologError as error:
                wishes.append(error)
        return wishes

    def _taken_of(self, wishes: Sequence[Wish | HorologError]) -> Container[str]:
        """Return those of the streams that the wishes would open that the log has, in one look."""
        opened = [opened_by(one.command) for one in wishes if isinstance(one, Wish)]
        streams = [stream for stream in opened if stream is not None]
        return self._parts.taken_of(streams) if streams else ()

    def _ground(self) -> routes.Ground:
        parts = self._parts
        return routes.Ground(
            now=parts.clock.now(),
            timezone=parts.settings.timezone,
            new_id=parts.clock.new_id,
            resolve=parts.lists.resolve,
        )

    def _admitted(self, wish: Wish, taken: Container[str]) -> Wish:
        """Return the wish with the stream it is about, if the gate lets it pass.

        An id that somebody has used already (its stream is `taken`) is replaced: by a repeated
        request, which is answered by its key, or by one that means no good.
        """
        parts = self._parts
        jobs = Jobs(parts.lists.definition_of, parts.lists.definition_named)
        wish = parts.admission.admitted(wish, jobs)
        command = wish.command
        match command:
            case c.CancelRun() | c.RetryRun() | c.ReplayRun() | c.ResolveRun():
                return replace(wish, stream=parts.lists.stream_of(command.run))
            case _ if opened_by(command) in taken:
                return replace(wish, command=renewed(command, parts.clock.new_id()))
            case _:
                return wish

    def _told(
        self, wishes: Sequence[Wish | HorologError], actor: str, *, has_more: bool = False
    ) -> list[Told | HorologError]:
        """Have wishes decided, and tell what became of them once the views show it.

        Of several batches, only the last waits for the views.
        """
        begun = self._begun(wishes, actor)
        answers = [one if isinstance(one, HorologError) else ended(one) for one in reversed(begun)]
        answers.reverse()  # the last is answered last: so all of them are waited for at once
        if any(isinstance(one, Wish) and is_erasing(one) for one in wishes):
            self._parts.purge()
        last = max((one.last or 0 for one in answers if isinstance(one, Told)), default=0)
        if last and not has_more:
            self._parts.wait_for_views(last, VIEWS_PATIENCE.total_seconds())
        return answers

    def _begun(
        self, wishes: Sequence[Wish | HorologError], actor: str
    ) -> list[Future[Answer] | Future[object] | HorologError]:
        """Hand wishes to the executor, those to be stored all at once."""
        executor = self._parts.executor
        asked: list[Asked] = []
        begun: list[Future[Answer] | Future[object] | HorologError] = []
        for wish in wishes:
            if isinstance(wish, HorologError):
                begun.append(wish)
            elif wish.dry_run:
                begun.append(executor.call(partial(previewed, executor.handle, wish)))
            else:
                asked.append(asked_by(actor, wish))
                begun.append(asked[-1].answer)
        if asked:
            executor.ask_all(asked)
        return begun

    # -- the whole

    async def status(self, request: Request) -> Response:
        """Answer how the server stands."""
        bodies.query_of(request, set())
        return as_json(await asyncio.to_thread(self._parts.status))

    async def readiness(self, request: Request) -> Response:
        """Answer whether anything can be decided, and why not."""
        bodies.query_of(request, set())
        ready = self._parts.readiness()
        return as_json(ready, status=200 if ready.is_ready else 503)

    async def services(self, request: Request) -> Response:
        """Answer which services there are, and what was not loaded."""
        bodies.query_of(request, set())
        return as_json(told_services(self._parts.services()))

    async def reload(self, request: Request) -> Response:
        """Load what has changed, at once, and answer what there is then."""
        bodies.query_of(request, set())
        await bodies.raw_body(request)
        return await run_in_threadpool(self._reloaded, actor_of(request))

    def _reloaded(self, actor: str) -> Response:
        reloading = self._parts.reload(actor)
        try:
            loaded = reloading.result(DECISION_PATIENCE.total_seconds())
        except TimeoutError:
            raise Unreachable("files are still loading. See: horolog service list") from None
        return as_json(told_services(loaded))

    async def shutdown(self, request: Request) -> Response:
        """Stop gracefully: answered at once, the end is seen by the lock."""
        bodies.query_of(request, set())
        await bodies.raw_body(request)
        self._parts.request_stop(actor_of(request))
        return as_json({"stopping": True}, status=202)


def opened_by(command: c.AnyCommand) -> str | None:
    """Return the stream that a command opens, under the id it brings."""
    match command:
        case c.DefineJob(job=job):
            return job_stream(job)
        case c.TriggerJob(run=run) | c.CallService(run=run):
            return call_stream(run)
        case c.RequestBackfill(backfill=backfill):
            return backfill_stream(backfill)
        case _:
            return None


def renewed(command: c.AnyCommand, fresh: str) -> c.AnyCommand:
    """Return the command with another id for what it opens."""
    match command:
        case c.DefineJob():
            return replace(command, job=JobId(fresh))
        case c.TriggerJob() | c.CallService():
            return replace(command, run=RunId(fresh))
        case c.RequestBackfill():
            return replace(command, backfill=BackfillId(fresh))
        case _:
            return command


def asked_by(actor: str, wish: Wish) -> Asked:
    """Return a wish as the executor takes it."""
    meta = Meta(actor=actor, on_behalf_of=wish.on_behalf_of, reason=wish.reason, channel=CHANNEL)
    return Asked(wish.command, meta, wish.key, wish.contents, wish.stream, Future())


def previewed(handle: Handle, wish: Wish) -> Told:
    """Return what a wish would lead to."""
    return Told(facts=told_facts(handle.preview(wish.command, stream=wish.stream)))


def is_batch(body: object) -> bool:
    """Return whether a body holds wishes and, at most, whether more of them come."""
    if not isinstance(body, dict) or not set(body) <= {"wishes", "more"}:
        return False
    return isinstance(body.get("more", False), bool)


def is_erasing(wish: Wish) -> bool:
    """Return whether the answer to a wish says that content is gone."""
    return isinstance(wish.command, c.EraseContent) and not wish.dry_run


def reading(read: Read) -> Endpoint:
    """Return the endpoint of something that is looked up."""

    async def endpoint(request: Request) -> Response:
        query = bodies.query_of(request, set(read.parameters))
        return as_json(await run_in_threadpool(read.function, request.path_params, query))

    return endpoint


def ended(begun: Future[Answer] | Future[object]) -> Told | HorologError:
    """Wait for what was handed to the executor; whoever asked may go, the wish goes on."""
    try:
        answer = begun.result(DECISION_PATIENCE.total_seconds())
    except HorologError as error:
        return error
    except TimeoutError:
        return Unreachable("the executor does not answer; whether this was stored is in doubt")
    if isinstance(answer, Answer):
        return told(answer)
    if isinstance(answer, Told):
        return answer
    raise TypeError(f"the executor answered with {type(answer).__name__}")


def entry_of(answer: Told | HorologError) -> object:
    """Return an answer as it stands in that of a batch."""
    return {"problem": problems.document_of(answer)} if isinstance(answer, HorologError) else answer


def actor_of(request: Request) -> str:
    """Return who asks: the user at the other end of the socket."""
    if request.client is None:
        raise NotAuthorised("the connection does not say whose it is")
    return request.client.host


def as_json(value: object, *, status: int = 200) -> Response:
    """Return an answer."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def as_problem(document: Mapping[str, object], status: int) -> Response:
    """Return a problem document."""
    return Response(msgspec.json.encode(document), status, media_type=problems.MEDIA_TYPE)


async def refused(_: Request, error: Exception) -> Response:
    """Answer what we raised on purpose."""
    if not isinstance(error, HorologError):
        raise error
    return as_problem(problems.document_of(error), problems.status_of(error))


async def not_served(request: Request, error: Exception) -> Response:
    """Answer a path or a method that is not there, or a body that is too large."""
    if not isinstance(error, HTTPException):
        raise error
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {shown(request.url.path)}"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} means nothing at {shown(request.url.path)}"
    document = problems.plain_document(error.status_code, detail)
    response = as_problem(document, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def failed(_: Request, __: Exception) -> Response:
    """Answer a defect of ours; what it was stands on the server's standard error."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    document = problems.plain_document(
        status, "this is a defect of Horolog; the server's log shows it"
    )
    return as_problem(document, status)

"""`service list`, `show`, `reload`: what jobs can call, as the server has it, or as it loads here.

Calling one is `service_call`'s. Loading runs the files' code; that is why the server, which has run
it already, is asked when there is one.
"""

from collections.abc import Mapping

import click

from projections import read_jobs
from scheduler.executor.owner import OwnerRecord, who_owns
from scheduler.model.errors import NotFound, Unreachable
from scheduler.model.nearness import nearest
from tools.cli.call import Call, pass_call
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_record, show_rows
from tools.cli.reading import paged, reading

Told = Mapping[str, object]  # what a server tells of its services, or this process of its own

EXIT_FAILED = 1
JOBS_SHOWN_MAX = 10_000  # looked through for those that call one service
FIELDS = ("service", "summary", "kind", "file", "line", "code")
LISTED = Shape(FIELDS, ("service", "kind", "summary", "file"))
SHOWN = Shape((*FIELDS, "jobs"), (*FIELDS, "jobs"))
RELOADED = Shape(("services", "failures", "pending"), ("services", "failures"))


@prints("list")
@pass_call
def list_services(call: Call, /) -> None:
    """List the services that jobs can call.

    As the server has them; while nobody serves, as they load here. What was not loaded is told
    apart.
    """
    told = known(call)
    show_rows(call, LISTED, services_in(told))
    tell_failures(told)


@prints("show")
@click.argument("name")
@pass_call
def show(call: Call, /, *, name: str) -> None:
    """Show one service: where it is defined, which code it is and which jobs call it."""
    told = known(call)
    services = {str(one["service"]): one for one in services_in(told)}
    if name not in services:
        close = nearest(name, list(services))
        tell_failures(told)
        raise NotFound("service", name, None if close is None else f"Did you mean {close}?")
    record = {**services[name], "jobs": jobs_of(call, name)}
    show_record(call, SHOWN, record)


@prints("reload")
@pass_call
def reload(call: Call, /) -> int:
    """Have the server load what has changed, at once.

    What fails is named and exits with 1; the version loaded before goes on.
    """
    owner = who_owns(call.settings.db)
    if owner is None:
        raise Unreachable(f"Nobody serves {call.settings.db}; a server loads all when it starts")
    from tools.web import routes

    told = asked(call, owner, "POST", routes.RELOAD)
    count = len(services_in(told))
    record = {**told, "services": [one["service"] for one in services_in(told)]}
    show_record(call, RELOADED, record, [f"{count:,} service{'' if count == 1 else 's'} loaded."])
    tell_failures(told)
    return EXIT_FAILED if told["failures"] else 0


def known(call: Call) -> Told:
    """Return the services as the server has them, else as they load here."""
    owner = who_owns(call.settings.db) if call.settings.db.exists() else None
    if owner is not None:
        from tools.web import routes

        return asked(call, owner, "GET", routes.SERVICES)
    from services.loading import load
    from tools.known_services import told_services

    return told_services(load(call.settings.load, call.settings.base))


def asked(call: Call, owner: OwnerRecord, method: str, path: str) -> Told:
    """Return what the server tells of its services."""
    from tools.client import Client

    with Client(call.settings.db, owner, call.clock) as client:
        answer = client.request(method, path)
    if not isinstance(answer, dict):
        raise Unreachable(f"pid {owner.pid} does not say which services it has")
    return answer


def services_in(told: Told) -> list[Record]:
    """Return the services of an answer."""
    services = told["services"]
    return services if isinstance(services, list) else []


def tell_failures(told: Told) -> None:
    """Say what was not loaded, and what is still loading."""
    failures, pending = told["failures"], told["pending"]
    for failure in failures if isinstance(failures, list) else []:
        note(str(failure))
    for source in pending if isinstance(pending, list) else []:
        note(f"{source} is still loading")


def jobs_of(call: Call, service: str) -> list[str]:
    """Return the names of the jobs that call a service; none where there is no log."""
    if not call.settings.db.exists():
        return []
    with reading(call) as opened:
        rows = paged(
            lambda after, count: read_jobs.jobs(
                opened.views, search=service, after=after, limit=count
            ),
            lambda row: row.key,
            JOBS_SHOWN_MAX,
        )
        return [row.name for row in rows if row.service == service]

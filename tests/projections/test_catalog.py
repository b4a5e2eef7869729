"""The catalog: every projection once, no table or view claimed twice."""

from projections.catalog import CATALOG
from scheduler.executor.derived import ViewsFile
from tests.projections.histories import History
from tests.projections.views import folded


def test_no_name_is_claimed_twice() -> None:
    names = [kind.name for kind in CATALOG]
    tables = [table for kind in CATALOG for table in kind.tables]
    views = [view for kind in CATALOG for view in kind.views]
    for claimed in (names, tables, views):
        assert sorted(set(claimed)) == sorted(claimed)


def test_each_projection_creates_the_tables_and_views_it_names_and_no_others() -> None:
    views, _ = folded(History().log)
    tables = {f"{table}_1" for kind in CATALOG for table in kind.tables}
    shown = {view for kind in CATALOG for view in kind.views}
    with views.reading() as connection:
        found = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE sql NOTNULL"))
    assert tables | {"meta", "checkpoints"} == {n for n, kind in found.items() if kind == "table"}
    assert shown == {name for name, kind in found.items() if kind == "view"}


def test_people_are_promised_these_views_and_columns() -> None:
    views: ViewsFile = folded(History().log)[0]
    promised = {
        "jobs": {"job_id", "name", "service", "status", "next_fire", "schedule", "definition"},
        "runs": {
            *("run", "job", "job_id", "fire_time", "due_time", "cause", "status", "attempts"),
            *("started_at", "ended_at", "error", "number", "of", "backfill"),
        },
        "attempts": {"run", "attempt", "started_at", "ended_at", "outcome", "error"},
        "misses": {"job", "after", "until", "count", "reason", "backfill"},
        "backfills": {
            *("backfill", "job", "status", "after", "until", "count", "looked_at"),
            *("succeeded", "failed", "open", "requested_at", "ended_at", "actor", "reason"),
        },
        "changes": {"position", "at", "type", "job_id", "actor", "reason", "before", "after"},
    }
    with views.reading() as connection:
        for view, columns in promised.items():
            found = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({view})")}
            assert columns <= found

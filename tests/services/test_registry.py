import functools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from scheduler.model.content import digest_of
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import KNOWN_SHOWN_MAX, SERVICE_CHARS_MAX, SUMMARY_CHARS_MAX
from services import registry as registries
from services.context import Context
from services.registry import Registry, described, service
from tests.services.making import invocation


def the(registry: Registry, name: str) -> registries.Service:
    found = registry.get(name)
    assert found is not None
    return found


def test_a_decorated_function_is_registered_and_stays_as_it_is(registry: Registry) -> None:
    def sync() -> int:
        return 3

    assert sync is registry.service("api.scheduler.sync")(sync)
    assert sync is the(registry, "api.scheduler.sync").function
    assert "api.scheduler.sync" in registry
    assert 1 == len(registry)


def test_outside_of_loaded_files_the_decorator_registers_by_default(unloaded: None) -> None:
    service("by.default")(lambda: None)
    assert "by.default" in registries.DEFAULT


@pytest.mark.parametrize("name", ["a", "a.b-c_d.0", "a" * 128])
def test_a_plain_name_is_taken(registry: Registry, name: str) -> None:
    registry.service(name)(lambda: None)
    assert name in registry


@pytest.mark.parametrize(
    "name", ["", "A", "1a", ".a", "a b", "a/b", "ü", "a\n", "a" * (SERVICE_CHARS_MAX + 1)]
)
def test_a_name_that_is_none_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(BadInput, match=r"\$\.service: .* is no name for a service"):
        registry.service(name)


def test_a_decorator_without_a_name_is_told_how_to_write_it(registry: Registry) -> None:
    with pytest.raises(BadInput, match=r'Write @service\("the.name"\)'):
        registry.service(lambda: None)  # type: ignore[arg-type]  # the mistake under test


def test_a_name_is_given_once_and_the_second_giver_is_told_of_the_first(registry: Registry) -> None:
    def add(file: str, line: int) -> None:
        registry.add(described("a.b", lambda: None, file=file, line=line, module="m"))

    add("jobs/one.py", 3)
    with pytest.raises(Conflict, match=r'"a\.b": jobs/one\.py:3 and jobs/two\.py:7\. Rename one'):
        add("jobs/two.py", 7)
    assert "jobs/one.py:3" == the(registry, "a.b").place


def test_the_same_place_registers_anew(registry: Registry) -> None:
    for answer in ("old", "new"):
        function = functools.partial("{}".format, answer)
        registry.add(described("a.b", function, file="jobs/one.py", line=3, module="m"))
    assert "new" == the(registry, "a.b").call(Context(invocation()))


def test_services_are_added_all_or_none(registry: Registry) -> None:
    def one(name: str, line: int) -> registries.Service:
        return described(name, lambda: None, file="f.py", line=line, module="m")

    registry.add(one("taken", 1))
    with pytest.raises(Conflict):
        registry.add(one("new", 2), one("taken", 3))
    assert "new" not in registry


def test_an_entry_says_where_it_comes_from_and_which_code_it_is(registry: Registry) -> None:
    @registry.service("here")
    def here() -> None:
        """Do the work.

        And more.
        """

    entry = the(registry, "here")
    assert __file__ == entry.file
    assert "@registry" in Path(__file__).read_text().splitlines()[entry.line - 1]
    assert digest_of(Path(__file__).read_bytes()) == entry.code
    assert "Do the work." == entry.summary
    assert __name__ == entry.module


def test_a_summary_is_short_whatever_the_docstring_is() -> None:
    def talkative() -> None:
        pass

    talkative.__doc__ = "x" * (SUMMARY_CHARS_MAX + 1)
    assert (
        "x" * SUMMARY_CHARS_MAX
        == described("a", talkative, file="<stdin>", line=1, module="m").summary
    )


def test_code_without_a_file_has_no_digest() -> None:
    entry = described("a", lambda: None, file="<stdin>", line=1, module="m")
    assert entry.code is None


def test_a_function_is_called_with_its_context_or_with_nothing(registry: Registry) -> None:
    context = Context(invocation())
    registry.service("with")(lambda ctx: ctx)
    registry.service("without")(lambda: "nothing")
    registry.service("any")(lambda *all_of_it: all_of_it)
    registry.service("maybe")(lambda ctx=None, *, flag=False: (ctx, flag))
    assert context is the(registry, "with").call(context)
    assert "nothing" == the(registry, "without").call(context)
    assert (context,) == the(registry, "any").call(context)
    assert (context, False) == the(registry, "maybe").call(context)


def wants_two(ctx: Context, other: int) -> None: ...
def wants_a_keyword(ctx: Context, *, other: int) -> None: ...
def wants_only_a_keyword(*, other: int) -> None: ...


@pytest.mark.parametrize("function", [wants_two, wants_a_keyword, wants_only_a_keyword])
def test_a_function_that_wants_more_is_no_service(
    registry: Registry, function: Callable[..., None]
) -> None:
    with pytest.raises(BadInput, match="a service is called with its context or nothing"):
        registry.service("a")(function)


def gives() -> Iterator[int]:
    yield 1


async def gives_later() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("function", [gives, gives_later])
def test_a_generator_is_no_service(registry: Registry, function: Callable[..., object]) -> None:
    with pytest.raises(BadInput, match="is a generator"):
        registry.service("a")(function)


def test_an_async_function_is_known_in_every_dress(registry: Registry) -> None:
    async def awaited(ctx: Context) -> None: ...

    class Callee:
        async def __call__(self, ctx: Context) -> None: ...

    registry.service("function")(awaited)
    registry.service("partial")(functools.partial(awaited))
    registry.service("object")(Callee())
    registry.service("plain")(lambda ctx: None)
    assert [True, True, True, False] == [entry.is_async for entry in registry]


def test_whoever_asks_for_an_unknown_service_is_told_the_known_ones(registry: Registry) -> None:
    assert 'no service "x". Known: none' == registry.unknown("x")
    for number in range(KNOWN_SHOWN_MAX + 2):
        registry.service(f"s{number}")(lambda: None)
    assert (
        'no service "x". Known: s0, s1, s2, s3, s4, s5, s6, s7 (2 more: horolog service list)'
        == registry.unknown("x")
    )

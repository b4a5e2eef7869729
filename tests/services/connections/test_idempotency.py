import asyncio

from services.connections.idempotency import current_key, idempotent


def test_a_key_is_there_inside_and_gone_outside() -> None:
    assert current_key() is None
    with idempotent("outer"):
        with idempotent("inner"):
            assert "inner" == current_key()
        assert "outer" == current_key()
    assert current_key() is None


def test_steps_side_by_side_keep_theirs_apart() -> None:
    async def step(key: str) -> str | None:
        with idempotent(key):
            await asyncio.sleep(0)
            return current_key()

    async def all_of_them() -> list[str | None]:
        return await asyncio.gather(*(step(key) for key in "abc"))

    assert ["a", "b", "c"] == asyncio.run(all_of_them())

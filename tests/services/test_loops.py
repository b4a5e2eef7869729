import asyncio
import subprocess
import sys

from services.loops import running_loop


def test_there_is_a_loop_in_async_code_and_none_elsewhere() -> None:
    async def here() -> bool:
        return running_loop() is asyncio.get_running_loop()

    assert asyncio.run(here())
    assert running_loop() is None


def test_there_is_none_on_a_thread_beside_the_loop() -> None:
    async def beside() -> object:
        return await asyncio.to_thread(running_loop)

    assert asyncio.run(beside()) is None


def test_asking_does_not_import_what_it_asks_about() -> None:
    script = "import sys; from services.loops import running_loop as r; r(); print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert b"asyncio" not in printed.stdout.split()

import subprocess
import sys

import horolog

COSTLY = ("asyncio", "croniter", "httpx", "redis", "sqlite3", "starlette", "zoneinfo")
WHAT_COMES_ALONG = f"""
import sys
import horolog
print(*(name for name in {COSTLY} if name in sys.modules))
"""


def test_what_users_import_is_there_by_name() -> None:
    assert {"Context", "Fatal", "RetryAfter", "cron", "every", "once", "service"} <= set(
        horolog.__all__
    )
    assert all(hasattr(horolog, name) for name in horolog.__all__)


def test_a_users_file_does_not_pay_for_what_it_does_not_use() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WHAT_COMES_ALONG],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "\n" == ran.stdout

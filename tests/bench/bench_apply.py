"""How long one `apply` of many jobs takes, from the call to its end, beside raw inserts of them.

Run it from the checkout: `python -m tests.bench.bench_apply [JOBS]`. Each round makes a log anew
and applies one file of TOML in a process of its own, once with nobody serving and once through a
server's socket; raw `sqlite3` stores as many rows of the same text in one commit. Modules are
compiled beforehand, as an installer leaves them. Beside the time stands that of all processors for
1,000 jobs, of the command and of its server from start to end: it says more on a busy machine.
Nothing is asserted.
"""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "import sys; from tools.cli.main import main; sys.exit(main())")
JOBS_DEFAULT = 10_000
ROUNDS = 3
SERVICES = '''
from horolog import service

@service("a.ok")
def ok():
    """Does nothing."""
'''


COMPILED = tempfile.TemporaryDirectory(prefix="bench-apply-")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPATH": str(ROOT),
    "PYTHONPYCACHEPREFIX": COMPILED.name,
    "PYTHONUNBUFFERED": "1",
}


def manifest(jobs: int) -> str:
    return "".join(
        f'[jobs."job {number}"]\nservice = "a.ok"\ntimeout = "10m"\n'
        f'schedule = {{ cron = "{number % 60} {number % 24} * * *" }}\n\n'
        for number in range(jobs)
    )


def run(folder: Path, *words: str) -> float:
    """Run a call of the command and return how many seconds it took."""
    began = perf_counter()
    subprocess.run(
        (*COMMAND, *words),
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return perf_counter() - began


def prepared(folder: Path, text: str) -> None:
    (folder / "jobs.py").write_text(SERVICES)
    (folder / "horolog.toml").write_text('[services]\nload = ["jobs.py"]\n')
    (folder / "all.toml").write_text(text)
    run(folder, "init")


def unserved(text: str) -> float:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder, text)
        return run(folder, "apply", "all.toml")


def served(text: str) -> float:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder, text)
        with subprocess.Popen(
            (*COMMAND, "serve"),
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as server:
            assert server.stdout is not None
            server.stdout.readline()
            try:
                return run(folder, "apply", "all.toml")
            finally:
                server.terminate()
                server.communicate()


def raw(text: str) -> float:
    with tempfile.TemporaryDirectory() as place:
        began = perf_counter()
        connection = sqlite3.connect(Path(place) / "raw.db")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE jobs(body TEXT)")
        with connection:
            connection.executemany(
                "INSERT INTO jobs VALUES (?)", ((job,) for job in text.split("\n\n"))
            )
        connection.close()
        return perf_counter() - began


def processor_s() -> float:
    """Return what this process and those it waited for have used of the processors."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS_DEFAULT
    text = manifest(jobs)
    served(manifest(1))  # compiles
    sides = {"raw sqlite3": raw, "nobody serves": unserved, "through a server": served}
    took: dict[str, list[float]] = {name: [] for name in sides}
    used: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            before_s = processor_s()
            took[name].append(side(text))
            used[name].append(processor_s() - before_s)
    least = median(took["raw sqlite3"])
    for name, seconds in took.items():
        middle = median(seconds)
        print(
            f"{name:<18}{middle:7.2f} s {jobs / middle:10,.0f} jobs/s {middle / least:8.1f} x raw"
            f" {median(used[name]) / jobs * 1_000:8.3f} processor-s for 1,000 jobs"
        )


if __name__ == "__main__":
    main()

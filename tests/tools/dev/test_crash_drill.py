"""The drill counts what it did, and says which log failed."""

import re
import shutil
from pathlib import Path

import pytest

from tests.crash.drill import Figures, drill
from tests.crash.ledger import Acknowledged, Ledger, stamp
from tests.crash.site import Site
from tools.dev import crash_drill
from tools.wishes import ToldFact

pytestmark = pytest.mark.crash

NEVER_STORED = ToldFact(stream="system", type="system-paused", body={})


def test_a_drill_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == crash_drill.main(["--kills", "2", "--for", "1m"])
    told = capsys.readouterr().out
    assert "2 of 2 kills on 1 logs" in told
    assert told.endswith("0 lost, 0 decided twice, 0 unexplained, 0 early, 0 overlapping\n")


def test_a_drill_whose_time_is_over_does_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == crash_drill.main(["--kills", "1000", "--for", "0s"])
    assert "0 of 1,000 kills on 0 logs" in capsys.readouterr().out


def test_a_log_that_is_not_as_it_was_told_is_kept_and_fails_the_drill(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lied_to(site: Site, seed: str, *, kills: int) -> Figures:
        line = Acknowledged(
            key="a lie", first=90_001, last=90_001, facts=(NEVER_STORED,), **stamp()
        )
        Ledger(site.ledger_path).write(line)
        return drill(site, seed, kills=kills)

    monkeypatch.setattr(crash_drill, "drill", lied_to)
    assert 1 == crash_drill.main(["--kills", "1", "--for", "1m"])
    told = capsys.readouterr().out
    assert "a lie: told 1 events, the log has 0" in told
    assert "1 logs FAILED: see above" in told
    (kept,) = re.findall(r"FAILED; kept in (\S+)", told)
    assert (Path(kept) / "horolog.db").exists()
    shutil.rmtree(kept)

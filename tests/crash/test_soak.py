"""A server that works for a minute does not grow; for twenty: python -m tools.dev.soak"""

import pytest

from tests.crash.drain import drained
from tests.crash.site import Site
from tests.crash.soak import Figures, Sample, growth, judged, soak

SOUND = Figures(
    length_s=60,
    events=3_000,
    fires=200,
    rss_bytes=50_000_000,
    grown_bytes=1_000_000,
    grown_files=0.0,
    threads=20,
    late_s=(0.01, 0.1, 0.2),
    later_s=0.001,
    skipped={"overlap": 3},
)


@pytest.mark.crash
def test_a_server_under_load_does_not_grow_and_misses_nothing(site: Site) -> None:
    found = soak(site, seconds=60)
    print(found)
    assert found.fires > 30
    assert [] == list(found.faults())
    drained(site)
    site.check()


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (SOUND._replace(grown_files=2.0), "open files grew by 2.0"),
        (SOUND._replace(threads=40), "there were 40 threads"),
        (SOUND._replace(grown_bytes=2.0**26), "memory grew by 64.0 MiB"),
        (SOUND._replace(later_s=0.1), "fires came later and later, by 0.100 s in the end"),
        (SOUND._replace(skipped={"misfire": 1}), "fires were skipped as misfire while the server"),
    ],
)
def test_each_bound_that_is_passed_is_told(found: Figures, fault: str) -> None:
    assert [] == list(SOUND.faults())
    (told,) = found.faults()
    assert told.startswith(fault)


def test_what_grows_while_it_warms_up_does_not_count_and_what_grows_then_does() -> None:
    warming = [Sample(at, 10 * min(at, 20), 5, 5) for at in range(61)]
    leaking = [Sample(at, 10 * at, 5, 5) for at in range(61)]
    assert [0.0, 400.0] == [
        growth([(one.at_s, one.rss_bytes) for one in judged(samples)])
        for samples in (warming, leaking)
    ]


def test_one_sample_that_stands_out_moves_no_slope() -> None:
    points = [(float(at), 7.0) for at in range(40)]
    points[-1] = (39.0, 1_000.0)
    assert 0.0 == growth(points)

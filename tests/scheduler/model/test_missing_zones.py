"""Jobs that cannot be reckoned here, and how they are told."""

from scheduler.model.missing_zones import NAMES_TOLD, told_apart


def test_jobs_are_told_by_the_zone_they_lack_the_first_of_many_by_name() -> None:
    many = {f"job-{number}": "Mars/Base" for number in range(NAMES_TOLD + 2)}
    one, five = told_apart({**many, "orders": "Europe/Atlantis"})
    assert '1 job does not fire, as this machine has no time zone "Europe/Atlantis": orders' == one
    assert five.startswith("5 jobs do not fire, as this machine has")
    assert five.endswith('no time zone "Mars/Base": job-0, job-1, job-2 and 2 more')


def test_where_every_zone_is_known_nothing_is_told() -> None:
    assert [] == told_apart({})

"""`clock accept`: a person vouches for a clock that stands behind the log."""

from datetime import timedelta

from tests.tools.cli.desk import Desk


def test_a_clock_that_is_not_behind_needs_no_accepting(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--every", "10m")
    printed = desk.done("clock", "accept", "--json").json
    assert not printed["changed"]


def test_a_clock_that_was_set_back_is_accepted_with_an_event(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--every", "10m")
    desk.carry_out(10 * 60)
    desk.clock.step(-timedelta(hours=3))
    printed = desk.done("clock", "accept", "--reason", "the battery was replaced", "--json").json
    assert ["clock-accepted"] == [event["type"] for event in printed["events"]]
    shown = desk.done("job", "show", "orders", "--json=next_fire").json
    assert "2026-03-02T12:00:00Z" == shown["next_fire"]

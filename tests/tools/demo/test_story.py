"""The demo waits for what it shows, and for none of it without end."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.log.memory import MemoryLog
from scheduler.model.limits import DEMO_OVERTIME, DEMO_PATIENCE
from tests.facts import at
from tools.demo.chronicle import Chronicle
from tools.demo.place import Failed
from tools.demo.story import Story


class Passing(MemoryLog):
    """A log in which nothing happens but that time passes while somebody waits."""

    def __init__(self) -> None:
        self.clock = ManualClock(at("10:00"))
        super().__init__(self.clock.now_ns)

    def wait(self, after: int, timeout_s: float) -> bool:
        self.clock.advance(timedelta(seconds=timeout_s))
        return False


@pytest.fixture
def log() -> Passing:
    return Passing()


@pytest.fixture
def story(log: Passing) -> Story:
    """Return a demo whose scheduler does nothing at all."""
    place: Any = SimpleNamespace(
        clock=log.clock, serve=lambda: None, stop=lambda: None, check_alive=lambda: None
    )
    ends: Any = SimpleNamespace(mail=SimpleNamespace(gate=None))
    return Story(place, ends, Chronicle(log))


def test_a_scheduler_that_does_not_start_is_given_up(story: Story, log: Passing) -> None:
    with pytest.raises(Failed, match="was not ready within"):
        story.start()
    assert at("10:00") + DEMO_PATIENCE == log.clock.now()


def test_what_is_open_at_the_end_is_given_some_time_and_no_more(story: Story) -> None:
    assert at("10:05") + DEMO_OVERTIME == story.go_on(at("10:05"))

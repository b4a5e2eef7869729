from services.parked import Arrival, Parked
from tests.services.making import Reports, invocation, unasked


def arrival(run: str = "run-1", attempt: int = 1) -> Arrival:
    return Arrival(invocation(run=run, attempt=attempt), Reports(), unasked)


def test_nobody_waits_for_what_is_not_to_come() -> None:
    assert not Parked().take_in(arrival())


def test_those_that_wait_are_handed_out_once_in_their_order() -> None:
    parked = Parked()
    parked.all_out(is_open=True)
    first, second = arrival("run-1"), arrival("run-2")
    assert parked.take_in(first)
    assert parked.take_in(second)
    assert [first, second] == parked.all_out(is_open=True)
    assert [] == parked.all_out(is_open=False)


def test_one_that_is_taken_out_waits_no_longer() -> None:
    parked = Parked()
    parked.all_out(is_open=True)
    waiting = arrival("run-1", 2)
    parked.take_in(waiting)
    assert None is parked.take_out("run-1", 1)
    assert waiting == parked.take_out("run-1", 2)
    assert [] == parked.all_out(is_open=False)


def test_no_more_wait_than_the_bound() -> None:
    from scheduler.model.limits import ATTEMPTS_PARKED_MAX

    parked = Parked()
    parked.all_out(is_open=True)
    one = arrival()
    for number in range(ATTEMPTS_PARKED_MAX):
        assert parked.take_in(one._replace(invocation=invocation(attempt=number + 1)))
    assert not parked.take_in(arrival("one-too-many"))

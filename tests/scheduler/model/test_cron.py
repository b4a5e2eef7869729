"""What a cron expression may say, what it names, and how everything else is refused."""

import pytest

from scheduler.model.cron import ALIASES, matching_days, parse
from scheduler.model.errors import BadInput
from scheduler.model.limits import EXPRESSION_CHARS_MAX


def days(expression: str, year: int, month: int) -> tuple[int, ...]:
    return matching_days(parse(expression), year, month)


def refusal(expression: str, *, seconds: bool = False) -> str:
    with pytest.raises(BadInput) as refused:
        parse(expression, seconds=seconds)
    return str(refused.value)


# -- what the fields name


def test_a_star_names_every_value() -> None:
    fields = parse("* * * * *")
    assert tuple(range(60)) == fields.minutes
    assert tuple(range(24)) == fields.hours
    assert tuple(range(1, 13)) == fields.months
    assert (0,) == fields.seconds


def test_a_list_is_sorted_and_each_value_named_once() -> None:
    assert (1, 5, 30) == parse("30,5,1,5 * * * *").minutes


def test_a_range_includes_both_ends() -> None:
    assert (9, 10, 11) == parse("0 9-11 * * *").hours


def test_a_range_with_equal_ends_is_that_one_value() -> None:
    assert (5,) == parse("5-5 * * * *").minutes


def test_a_step_over_a_star_begins_at_the_lowest_value() -> None:
    assert (0, 20, 40) == parse("*/20 * * * *").minutes
    assert (1, 4, 7, 10) == parse("0 0 1 */3 *").months


def test_a_step_over_a_range_stays_inside_it() -> None:
    assert (10, 17) == parse("10-20/7 * * * *").minutes


def test_a_step_after_a_number_goes_on_to_the_end() -> None:
    assert (5, 20, 35, 50) == parse("5/15 * * * *").minutes
    assert (59,) == parse("59/15 * * * *").minutes


def test_names_are_read_in_any_case() -> None:
    assert (1, 12) == parse("0 0 1 jan,Dec *").months
    assert (1, 2, 3, 4, 5) == parse("0 0 * * mon-FRI").weekdays.numbers


def test_sunday_is_0_and_7() -> None:
    assert (0,) == parse("0 0 * * 0").weekdays.numbers
    assert (0,) == parse("0 0 * * 7").weekdays.numbers
    assert (0, 5, 6) == parse("0 0 * * 5-7").weekdays.numbers
    assert (0, 6) == parse("0 0 * * SAT-SUN").weekdays.numbers
    assert (0, 1) == parse("0 0 * * SUN-MON").weekdays.numbers


def test_fields_may_stand_apart_by_any_spaces_and_tabs() -> None:
    assert parse("0 9 * * *") == parse("  0\t9  * *   * ")


def test_leading_zeros_are_read_as_decimal() -> None:
    assert (9,) == parse("0 09 * * *").hours


def test_with_seconds_the_second_stands_first() -> None:
    fields = parse("*/30 5 9 * * *", seconds=True)
    assert ((0, 30), (5,), (9,)) == (fields.seconds, fields.minutes, fields.hours)


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_stands_for_its_five_fields(alias: str) -> None:
    assert parse(ALIASES[alias]) == parse(alias)
    assert parse(ALIASES[alias]) == parse(alias.upper())
    assert parse(ALIASES[alias]) == parse(alias, seconds=True)


def test_hourly_follows_real_time_and_daily_is_a_fixed_time() -> None:
    assert parse("@hourly").is_wildcard
    assert not parse("@daily").is_wildcard


@pytest.mark.parametrize("text", ["* 2 * * *", "0 * * * *", "*/5 2 * * *", "1,*/7 2 * * *"])
def test_a_star_anywhere_in_minute_or_hour_follows_real_time(text: str) -> None:
    assert parse(text).is_wildcard


@pytest.mark.parametrize("text", ["0 2 * * *", "0-59 0-23 * * *", "0 2 */2 * *"])
def test_without_a_star_in_minute_and_hour_the_time_is_fixed(text: str) -> None:
    assert not parse(text).is_wildcard


def test_a_star_in_the_second_does_not_make_a_fixed_time_follow_real_time() -> None:
    assert not parse("* 30 2 * * *", seconds=True).is_wildcard


def test_equal_expressions_are_read_once() -> None:
    assert parse("1 2 3 4 5") is parse("1 2 3 4 5")


# -- which days match


def test_either_day_field_is_enough_when_both_are_restricted() -> None:
    assert (1, 7, 13, 14, 21, 28) == days("0 0 1,13 * 2", 2026, 7)


def test_both_day_fields_must_match_when_one_begins_with_a_star() -> None:
    assert (13, 27) == days("0 0 */2 * 1", 2026, 7)
    assert (14,) == days("0 0 14,15 * */2", 2026, 7)  # a Tuesday and a Wednesday


def test_a_full_range_is_restricted_all_the_same() -> None:
    assert tuple(range(1, 32)) == days("0 0 1-31 * 1", 2026, 7)
    assert tuple(range(1, 32)) == days("0 0 13 * 0-6", 2026, 7)


def test_a_month_that_is_not_named_has_no_matching_day() -> None:
    assert () == days("0 0 * 2 *", 2026, 3)


def test_a_day_the_month_does_not_have_is_passed_over() -> None:
    assert () == days("0 0 31 * *", 2026, 4)
    assert (29,) == days("0 0 29 2 *", 2028, 2)
    assert () == days("0 0 29 2 *", 2026, 2)


def test_l_is_the_last_day_of_each_month() -> None:
    assert (28,) == days("0 0 L * *", 2026, 2)
    assert (29,) == days("0 0 L * *", 2028, 2)
    assert (1, 15, 30) == days("0 0 1,15,l * *", 2026, 4)


def test_lw_is_the_last_weekday_of_each_month() -> None:
    assert (29,) == days("0 0 LW * *", 2026, 5)  # the 31st is a Sunday
    assert (31,) == days("0 0 LW * *", 2026, 3)
    assert (27,) == days("0 0 LW * *", 2026, 2)  # the 28th is a Saturday


def test_nw_is_the_weekday_nearest_that_day() -> None:
    assert (14,) == days("0 0 15W * *", 2026, 8)  # a Saturday: the Friday before
    assert (16,) == days("0 0 15W * *", 2026, 11)  # a Sunday: the Monday after
    assert (15,) == days("0 0 15W * *", 2026, 7)


def test_nw_never_leaves_its_month() -> None:
    assert (3,) == days("0 0 1W * *", 2026, 8)  # the 1st is a Saturday
    assert (29,) == days("0 0 31W * *", 2026, 5)  # the 31st is a Sunday


def test_nw_of_a_day_the_month_does_not_have_is_passed_over() -> None:
    assert () == days("0 0 31W * *", 2026, 4)


def test_nw_may_stand_in_a_list() -> None:
    assert (3, 14, 30) == days("0 0 1W,15W,30 * *", 2026, 8)


def test_d_hash_n_is_the_nth_such_weekday() -> None:
    assert (10,) == days("0 0 * * 5#2", 2026, 7)
    assert (5,) == days("0 0 * * sun#1", 2026, 7)
    assert (5,) == days("0 0 * * 7#1", 2026, 7)
    assert (31,) == days("0 0 * * FRI#5", 2026, 7)
    assert () == days("0 0 * * FRI#5", 2026, 6)


def test_d_l_is_the_last_such_weekday() -> None:
    assert (31,) == days("0 0 * * 5L", 2026, 7)
    assert (26,) == days("0 0 * * FRIL", 2026, 6)


def test_marks_and_numbers_may_stand_together() -> None:
    assert (3, 6, 13, 20, 27, 31) == days("0 0 * * 1,5#1,5L", 2026, 7)


# -- what is refused


def test_a_refusal_names_the_path_it_was_given() -> None:
    with pytest.raises(BadInput) as refused:
        parse("61 * * * *", path="$.schedule.expressions[3]")
    (problem,) = refused.value.problems
    assert "$.schedule.expressions[3]" == problem.path


def test_many_words_are_told_to_be_the_shells_doing() -> None:
    words = "5 README.md a b c d e f g h i j k l"
    assert (
        "$.schedule.expressions[0]: got 14 words instead of 5. The shell seems to have turned *"
        " into file names; put the expression in quotes: --cron '*/5 * * * *'"
    ) == refusal(words)


def test_many_long_words_are_still_the_shells_doing() -> None:
    assert "file names" in refusal(" ".join(["żółw-" + "x" * 100] * 20))


def test_a_date_that_never_comes_is_told_with_the_reason() -> None:
    assert (
        '$.schedule.expressions[0]: "0 9 31 2 *" never fires: February has no 31st. For the last'
        " day of the month write L: 0 9 L * *"
    ) == refusal("0 9 31 2 *")


def test_a_date_that_no_named_month_has_never_fires() -> None:
    assert "April and June have no 31st" in refusal("0 9 31 4,6 *")
    assert "February has no 30th or 31st" in refusal("0 9 30,31 2 *")
    assert "February has no 31st" in refusal("5 0 9 31W 2 *", seconds=True)


def test_two_day_fields_that_never_meet_never_fire() -> None:
    assert "no date matches both" in refusal("0 9 */30 * 1#3")


def test_a_date_that_comes_once_in_28_years_fires() -> None:
    assert (29,) == days("0 0 */28 2 1#5", 2044, 2)


def test_an_expression_longer_than_256_characters_is_refused() -> None:
    longest = f"0 * * * {'0' * (EXPRESSION_CHARS_MAX - 8)}"
    assert (0,) == parse(longest).minutes
    assert "has 257 characters; at most 256" in refusal(f"{longest}0")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("*", "got 1 field instead of 5"),
        ("* * * *", "got 4 fields instead of 5"),
        ("* * * * * *", "set seconds = true"),
        ("0 0 0 1 1 * 2026", "no field for years"),
        ("@reboot", "@reboot is no time"),
        ("@every 5m", "--every 5m"),
        ("@fortnightly", "@weekly"),
        ("60 * * * *", "out of range: 0 to 59"),
        ("* 24 * * *", "out of range: 0 to 23"),
        ("* * 0 * *", "out of range: 1 to 31"),
        ("* * 32 * *", "out of range: 1 to 31"),
        ("* * * 13 *", "out of range: 1 to 12"),
        ("* * * * 8", "out of range: 0 to 7"),
        ("99999999999999999999 * * * *", "out of range"),
        ("*/0 * * * *", "a step is 1 or more"),
        ("*/60 * * * *", "over the field's span (59)"),
        ("*/90 * * * *", "--every 90m"),
        ("* */24 * * *", "over the field's span (23)"),
        ("* * */31 * *", "over the field's span (30)"),
        ("* * * */12 *", "over the field's span (11)"),
        ("* * * * */7", "over the field's span (6)"),
        ("* 22-2 * * *", "Write 22-23,0-2"),
        ("* * * NOV-FEB *", "Write 11-12,1-2"),
        ("* * * * 5-1", "Write 5-6,0-1"),
        ("* * * * 6-0", "Write 6-7"),
        ("* * * * FRI-MON", "runs backwards"),
        ("1,,2 * * * *", "empty item"),
        (",1 * * * *", "empty item"),
        ("0 0 ? * *", "For any, write *"),
        ("0 0 * * ?", "For any, write *"),
        ("H * * * *", "a value chosen by the program"),
        ("H(0-29)/10 * * * *", "a value chosen by the program"),
        ("R * * * *", "a value chosen by the program"),
        ("R/5 * * * *", "a value chosen by the program"),
        ("0 0 L-3 * *", "L is the last day of the month"),
        ("0 0 W15 * *", "Write 15W"),
        ("0 0 WL * *", "is not understood"),
        ("0 0 15W-18 * *", "is not understood"),
        ("0 0 32W * *", "out of range: 1 to 31"),
        ("0 0 * * L", "write 5L"),
        ("0 0 * * L5", "write 5L"),
        ("0 0 * * 5#6", "at most 5 times a month"),
        ("0 0 * * 5#0", "at most 5 times a month"),
        ("0 0 * * 8#1", "out of range"),
        ("0 0 * * XYZ#1", "is not understood"),
        ("0 0 5#2 * *", "is not understood"),
        ("-5 * * * *", "is not understood"),
        ("1-2-3 * * * *", "is not understood"),
        ("1/2/3 * * * *", "is not understood"),
        ("*/ * * * *", "is not understood"),
        ("*5 * * * *", "is not understood"),
        ("*-5 * * * *", "is not understood"),
        ("1.5 * * * *", "is not understood"),
        ("JAN * * * *", "is not understood"),
        ("0 0 * MON *", "is not understood"),
        ("0 0 * * JANUARY", "is not understood"),
        ("٣ * * * *", "U+0663 has no meaning"),
        ("\u00a0* * * * *", "U+00A0 has no meaning"),
        ("* * * * *\n", "U+000A has no meaning"),
        ("* * \x00 * *", "U+0000 has no meaning"),
        ("\x1b[31m* * * * *", "U+001B has no meaning"),
    ],
)
def test_what_cron_does_not_say_is_refused(expression: str, said: str) -> None:
    assert said in refusal(expression)


def test_five_fields_are_refused_when_there_should_be_seconds() -> None:
    assert "Put the second first: 0 */5 * * * *" in refusal("*/5 * * * *", seconds=True)


def test_a_refusal_holds_no_control_character() -> None:
    assert refusal("\x1b[2J * * * *").isprintable()

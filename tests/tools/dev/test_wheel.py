"""What `tools.dev.wheel` finds wrong with a wheel."""

from tools.dev.wheel import wheel_faults

GOOD = [
    "horolog.py",
    "horolog-0.1.0.dist-info/METADATA",
    *(
        f"{package}/{name}"
        for package in ("projections", "scheduler", "services", "tools", "tools/cli")
        for name in ("__init__.py", "py.typed")
    ),
]


def test_a_wheel_of_the_four_packages_and_the_face_is_in_order() -> None:
    assert [] == wheel_faults(GOOD)


def test_the_developers_tools_do_not_belong_in_the_wheel() -> None:
    assert ["tools/dev/check.py is for people with a checkout"] == wheel_faults(
        [*GOOD, "tools/dev/check.py"]
    )


def test_tests_do_not_belong_in_the_wheel() -> None:
    assert ["tests/conftest.py does not belong in the wheel"] == wheel_faults(
        [*GOOD, "tests/conftest.py"]
    )


def test_each_package_has_its_own_py_typed() -> None:
    assert ["tools/cli/py.typed is missing"] == wheel_faults(
        [name for name in GOOD if name != "tools/cli/py.typed"]
    )


def test_a_package_that_was_left_out_is_named() -> None:
    assert ["projections is missing"] == wheel_faults(
        [name for name in GOOD if not name.startswith("projections/")]
    )

"""Our import names are generic, so another distribution that has them is refused."""

import pytest

from scheduler.model.errors import Conflict
from tools import installation


def test_the_versions_that_reckon_fire_times_are_known() -> None:
    found = installation.versions()
    assert {"horolog", "croniter", "tzdata"} == set(found)
    assert found["croniter"].startswith("7.")


def test_names_that_only_we_have_are_no_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"tools": ["horolog"], "scheduler": ["Horolog"], "click": ["click"]}
    monkeypatch.setattr(installation, "packages_distributions", lambda: owners)
    assert {} == installation.clashes()
    installation.refuse_clashes()


def test_a_distribution_with_a_package_of_our_name_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owners = {"tools": ["horolog", "toolbox", "toolbox"]}
    monkeypatch.setattr(installation, "packages_distributions", lambda: owners)
    assert {"tools": ["toolbox"]} == installation.clashes()
    with pytest.raises(Conflict, match='distribution toolbox has a package "tools" too'):
        installation.refuse_clashes()

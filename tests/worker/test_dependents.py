"""Parts of canaries, and who has them."""

from worker.dependents import Dependents

ONE, OTHER = ("test", "one"), ("test", "other")


def test_a_shared_part_leads_to_all_who_have_it() -> None:
    """And one that nobody has to none."""
    dependents = Dependents[str]()
    for canary in (ONE, OTHER):
        dependents.add("shared", canary)
    assert sorted(dependents.of("shared")) == [ONE, OTHER]
    assert dependents.of("unknown") == []


def test_canaries_that_come_and_go_leave_nothing() -> None:
    """However many there were; what another one has as well stays with that one."""
    dependents = Dependents[str]()
    dependents.add("shared", OTHER)
    for number in range(100):
        canary = ("test", f"preview-{number}")
        dependents.add("shared", canary)
        dependents.add(f"target-{number}", canary)
        dependents.forget(canary)
    assert len(dependents) == 1
    assert dependents.of("shared") == [OTHER]

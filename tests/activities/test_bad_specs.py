"""Specs with mistakes that still load: a plan is made of them, or they are refused with the field."""

from hypothesis import given
from hypothesis import strategies as st

from activities.bench import Defaults
from activities.plan import UnfitAnalysis, plan_of
from k8s.models.errors import InvalidCanary
from k8s.models.loading import load_canary
from tests.k8s.test_mutations import mutated
from tests.objects import a_canary


@given(st.data())
def test_a_spec_with_mistakes(data: st.DataObject) -> None:
    """One that still loads gives a plan, or is refused with the field; nothing else happens."""
    try:
        canary = load_canary(data.draw(mutated(a_canary())))
    except InvalidCanary:
        return
    try:
        assert plan_of(canary, Defaults()).interval_seconds > 0
    except UnfitAnalysis as refusal:
        assert str(refusal).startswith("spec.")  # noqa: PT017 - raising is one of two good ends

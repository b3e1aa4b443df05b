"""The list of rules in a routing object: what it says, and how it changes without loss of anybody else's. Pure.

A rule that leads to the primary's or the canary's Service is the Canary's; where there is none, as in an object that a
user wrote before there was a canary, the rules that lead to the apex Service are. All others are somebody else's.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.routers.base import FULL, Split


class Rules(ABC):
    """Reads and changes the rules of one API."""

    backends: ClassVar[str]
    """The field of a rule with those that it leads to."""
    unweighted: ClassVar[int]
    """The weight of a backend that names none."""

    @abstractmethod
    def name(self, backend: Json, canary: Canary) -> str:
        """The Service of the Canary's namespace that it is; of any other backend a text that is no Service's name."""

    @abstractmethod
    def renamed(self, backend: Json, service: str) -> Json:
        """The backend with another Service in its place."""

    def is_mirrored(self, rule: Json, canary: Canary) -> bool:
        """Whether the canary gets a copy of what the rule takes; never, unless the API has words for that."""
        return False

    def unmirrored(self, rule: Json, canary: Canary) -> Json:
        """The rule without that copy."""
        return rule

    def split_in(self, rules: Sequence[Json], canary: Canary) -> Split | None:
        """By the last rule that names both sides, in percent; None when there is none, or when it leads nobody."""
        for rule in reversed(rules):
            weights = self.weights(rule, canary)
            if weights.keys() >= _sides(canary) and (total := sum(weights.values())):
                mirrored = self.is_mirrored(rule, canary)
                return Split(weights[canary.canary_service] * FULL // total, mirrored=mirrored)
        return None

    def is_ab_test(self, rules: Sequence[Json], canary: Canary) -> bool:
        """Whether the weights hold for some requests only, and all others have a rule to the primary alone."""
        return any(self.weights(rule, canary).keys() == {canary.primary_service} for rule in rules)

    def are_led(self, rules: Sequence[Json], canary: Canary) -> bool:
        """Whether one of them leads to a side."""
        return bool(self._led_by(rules, _sides(canary), canary))

    def ours(self, rules: Sequence[Json], canary: Canary) -> list[Json]:
        """Those of the Canary."""
        return [rules[index] for index in self._ours(rules, canary)]

    def replaced(self, rules: Sequence[Json], wanted: Sequence[Json], canary: Canary) -> list[Json]:
        """The Canary's rules brought to `wanted`, where the first of them stood; before all others without any."""
        mine = self._ours(rules, canary)
        start = mine[0] if mine else 0
        others = [(index, rule) for index, rule in enumerate(rules) if index not in mine]
        before = [rule for index, rule in others if index < start]
        return [*before, *wanted, *(rule for index, rule in others if index >= start)]

    def withdrawn(self, rules: Sequence[Json], canary: Canary) -> list[Json]:
        """The canary gets no requests and no copies; the primary gets what it had."""
        return [
            self._withdrawn(rule, canary) if canary.canary_service in self.weights(rule, canary) else rule
            for rule in rules
        ]

    def handed_back(self, rules: Sequence[Json], canary: Canary) -> list[Json]:
        """The apex Service in the place of both, as before there was a canary."""
        return [
            {**rule, self.backends: self._united(rule[self.backends], canary)} if rule.get(self.backends) else rule
            for rule in rules
        ]

    def weights(self, rule: Json, canary: Canary) -> dict[str, int]:
        """Of each backend, by `name`."""
        backends = rule.get(self.backends) or []
        return {self.name(backend, canary): self._weight(backend) for backend in backends}

    def _weight(self, backend: Json) -> int:
        return int(backend.get("weight", self.unweighted))

    def _ours(self, rules: Sequence[Json], canary: Canary) -> list[int]:
        return self._led_by(rules, _sides(canary), canary) or self._led_by(rules, {canary.apex_name}, canary)

    def _led_by(self, rules: Sequence[Json], names: set[str], canary: Canary) -> list[int]:
        return [index for index, rule in enumerate(rules) if names & self.weights(rule, canary).keys()]

    def _withdrawn(self, rule: Json, canary: Canary) -> Json:
        weights = {canary.primary_service: FULL, canary.canary_service: 0}
        backends = [
            {**backend, "weight": weights.get(self.name(backend, canary), self._weight(backend))}
            for backend in rule[self.backends]
        ]
        return {**self.unmirrored(rule, canary), self.backends: backends}

    def _united(self, backends: Sequence[Json], canary: Canary) -> list[Json]:
        led = [backend for backend in backends if self.name(backend, canary) in _sides(canary)]
        if not led:
            return list(backends)
        others = [backend for backend in backends if backend not in led]
        weight = sum(self._weight(backend) for backend in led) if others else 1
        return [{**self.renamed(led[0], canary.apex_name), "weight": weight}, *others]


def _sides(canary: Canary) -> set[str]:
    return {canary.primary_service, canary.canary_service}

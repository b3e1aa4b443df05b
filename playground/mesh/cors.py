"""The CORS filter of a rule: which origins' scripts may read the answers. Pure.

https://gateway-api.sigs.k8s.io/reference/spec/#httpcorsfilter
"""

import re
from dataclasses import dataclass
from typing import Self

from k8s.client import Json
from playground.mesh.matching import Pairs

EVERY = "*"


@dataclass(frozen=True)
class Cors:
    """What is allowed; an empty tuple allows nothing, `*` everything."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    credentials: bool = False
    max_age_seconds: int = 5

    @classmethod
    def of(cls, cors: Json) -> Self:
        """From the filter's `cors`."""
        return cls(
            origins=tuple(cors.get("allowOrigins") or ()),
            methods=tuple(cors.get("allowMethods") or ()),
            headers=tuple(cors.get("allowHeaders") or ()),
            exposed=tuple(cors.get("exposeHeaders") or ()),
            credentials=bool(cors.get("allowCredentials")),
            max_age_seconds=cors.get("maxAge", 5),
        )

    def answer(self, request: Pairs) -> list[tuple[str, str]]:
        """Headers to add to an answer; none when the origin is not allowed."""
        origin = _first(request, "origin")
        if not origin or not any(_fits(origin, allowed) for allowed in self.origins):
            return []
        return _given(
            {
                "access-control-allow-origin": origin,
                "access-control-allow-credentials": "true" if self.credentials else "",
                "access-control-expose-headers": ", ".join(self.exposed),
                "vary": "Origin",
            }
        )

    def preflight(self, request: Pairs) -> list[tuple[str, str]]:
        """Headers of the answer to a browser that asks before it sends."""
        allowed = self.answer(request)
        return allowed and [
            *allowed,
            *_given(
                {
                    "access-control-allow-methods": _echoed(
                        self.methods, _first(request, "access-control-request-method")
                    ),
                    "access-control-allow-headers": _echoed(
                        self.headers, _first(request, "access-control-request-headers")
                    ),
                    "access-control-max-age": str(self.max_age_seconds),
                }
            ),
        ]


def is_preflight(method: str, request: Pairs) -> bool:
    """Whether the request only asks whether another one would be allowed."""
    return method == "OPTIONS" and bool(_first(request, "access-control-request-method"))


def _fits(origin: str, allowed: str) -> bool:
    """A `*` stands for any part of a host name."""
    return re.fullmatch(re.escape(allowed).replace(r"\*", ".*"), origin) is not None


def _echoed(allowed: tuple[str, ...], asked: str) -> str:
    return asked if EVERY in allowed else ", ".join(allowed)


def _first(headers: Pairs, name: str) -> str:
    return next((value for key, value in headers if key == name), "")


def _given(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if value]

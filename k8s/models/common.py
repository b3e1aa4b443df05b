"""What every model shares: reading rules, durations, references to other objects, CEL rules."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

API_VERSION = "flagger.app/v1beta1"
MANY = 256
"""Most elements of a list that carries CEL rules: the API server wants a bound to price the rules."""

Percent = Annotated[int, Field(ge=0, le=100)]
Name = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class ApiModel(BaseModel):
    """Part of an API object: camelCase outside, snake_case inside, read-only."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # it may hold secrets, and an error's causes travel far
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value

    def as_json(self) -> dict[str, Any]:
        """As the API writes it: camelCase, and only the fields that were given."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


Reason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"]


def cel(rule: str, message: str, *, field: str = "", reason: Reason = "FieldValueInvalid") -> dict[str, Any]:
    """A rule that the API server checks on `kubectl apply`.

    Args:
        rule: CEL over `self`; true when all is well.
        message: what to write instead.
        field: the field below `self` that the refusal points at.
        reason: how the API server classes the refusal.
    """
    return {"rule": rule, "message": message, "reason": reason} | ({"fieldPath": f".{field}"} if field else {})


def rules(*checks: dict[str, Any]) -> dict[str, Any]:
    """CEL rules as `json_schema_extra` of a model or a field."""
    return {"x-kubernetes-validations": list(checks)}


def begins_with(*schemes: str) -> dict[str, Any]:
    """A rule for an absolute URL of one of these schemes; an empty text is the same as none."""
    return cel(
        f"self == '' || self.matches('^(?i)({'|'.join(schemes)})://.')",
        f"write an absolute URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}",
    )


LONGEST_URL = 4096
HttpUrl = Annotated[str, Field(max_length=LONGEST_URL, json_schema_extra=rules(begins_with("http", "https")))]
ProxyUrl = Annotated[
    str, Field(max_length=LONGEST_URL, json_schema_extra=rules(begins_with("http", "https", "socks5", "socks5h")))
]


def quoted(value: Any, limit: int = 80) -> str:
    """A value in an error text: as JSON, shortened."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + "…"


class ObjectRef(ApiModel):
    """Names an object in the Canary's namespace."""

    api_version: str
    """The API group and version of the object, such as apps/v1."""
    kind: str
    """The kind of the object."""
    name: Name
    """The name of the object."""


class NamespacedRef(ApiModel):
    """Names an object whose kind is known."""

    name: Name
    """The name of the object."""
    namespace: str | None = None
    """The namespace of the object; that of the Canary when absent."""


class SecretRef(ApiModel):
    """Names a Secret in the namespace of the object that refers to it."""

    name: Name
    """The name of the Secret."""

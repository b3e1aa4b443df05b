"""What must not be told in a text that travels: histories, events, alerts and logs have more readers than Secrets.

A URL is told without its user, its password and its query; whatever of them, or of a Secret, a receiver sends back to
us is struck out.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

SHORTEST_SECRET = 4
"""A shorter one would strike half of a sentence out, and protects nothing."""
WORDS = re.compile(r"[\w.~%-]+")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with `***` wherever one of the secrets stands, as it is or as a URL has it."""
    known = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in (secret, quote(secret, safe=""))}
    for form in sorted(known, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def shown(url: str) -> str:
    """A URL as it may be told: neither user nor query."""
    scheme, mark, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def credentials_of(url: str) -> tuple[str, ...]:
    """User, password and values of the query, as they are written, as they are meant, and as they are sent."""
    before, _, query = url.partition("?")
    user = before.partition("://")[2].rpartition("@")[0]
    values = [pair.partition("=")[2] or pair for pair in re.split("[&#]", query)]
    written = [*user.split(":", 1), *values]
    return (*written, *map(unquote, written), encoded(unquote(user)))


def words_of(url: str) -> tuple[str, ...]:
    """All of a URL that is secret as a whole, but for its host."""
    host, _, path = url.partition("://")[2].partition("/")
    return tuple(WORDS.findall(f"{host.rpartition('@')[0]} {path}"))


def encoded(user: str) -> str:
    """`user:password` as HTTP's basic authentication sends it."""
    return base64.b64encode(user.encode()).decode()

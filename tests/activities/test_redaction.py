"""What is secret is struck out of texts, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.redaction import credentials_of, redacted, shown, words_of


@pytest.mark.parametrize(
    ("text", "url", "secrets", "told"),
    [
        ("no /services/T0/B0/xyzzy", "https://hooks.slack.com/services/T0/B0/xyzzy", (), "no /***/T0/B0/***"),
        ("invalid sig abc-123_x", "https://logic.azure.com/?sig=abc-123_x&sp=1", (), "invalid sig ***"),
        ("bad passw0rd", "http://user:passw0rd@proxy/", (), "bad ***"),
        ("token xoxb-1 is void", "http://slack", ("xoxb-1",), "token *** is void"),
        ("hooks.slack.com says no", "https://hooks.slack.com/x", (), "hooks.slack.com says no"),
        ("no", "not a url", (), "no"),
    ],
)
def test_redaction(text: str, url: str, secrets: tuple[str, ...], told: str) -> None:
    """The host may be told, what comes after it may not."""
    assert redacted(text, (*words_of(url), *secrets)) == told


@given(st.text(), st.text(), st.text(st.characters(exclude_characters="*"), min_size=4))
def test_redaction_of_anything(text: str, url: str, word: str) -> None:
    """Never fails, and what is to be hidden is gone."""
    assert word not in redacted(f"{text}{word}", (*words_of(url), word))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://gate.test/check", "http://gate.test/check"),
        ("https://ada:s3cret@gate.test:8443/check?token=s3cret#s3cret", "https://gate.test:8443/check"),
        ("http://ada:s3/cret@gate.test/check", "http://gate.test/check"),
        ("gate.test", "gate.test"),
        ("", ""),
    ],
)
def test_urls_are_told_without_user_and_query(url: str, told: str) -> None:
    """However they are written."""
    assert shown(url) == told


@pytest.mark.parametrize(
    ("text", "url", "told"),
    [
        ("no /check?token=s3cret here", "http://gate/check?token=s3cret", "no /check?token=*** here"),
        ("who is ada_l:s3cret", "http://ada_l:s3cret@gate/", "who is ***:***"),
        ("not Basic YWRhX2w6czNjcmV0", "http://ada_l:s3cret@gate/", "not Basic ***"),
        ("not s3c/ret", "http://ada_l:s3c%2Fret@gate/", "not ***"),
        ("health check failed", "http://gate/health/check", "health check failed"),
        ("void: s3cret", "http://gate/?s3cret", "void: ***"),
    ],
)
def test_what_a_webhook_sends_back(text: str, url: str, told: str) -> None:
    """Credentials of its URL are struck out as written, as meant and as sent; its path is no secret."""
    assert redacted(text, credentials_of(url)) == told


@given(st.text())
def test_credentials_of_anything(url: str) -> None:
    """Never fails, and neither does telling it."""
    credentials_of(url)
    shown(url)

"""What each kind of chat is sent, in full."""

import json
from typing import Any

import pytest
from aiohttp import web

from activities.alerts.registry import SINKS
from k8s.resources import ALERT_PROVIDERS
from tests.activities.chatroom import REASON, T0KEN, TEXT, Room, http, room
from tests.receiver import receiver
from workflows.effects import Alert
from workflows.observation import Severity

__all__ = ["http", "receiver", "room"]

# -- what each sink is sent -------------------------------------------------------------------------------------------


def slackish(color: str, reason: str = REASON) -> Any:
    """Slack's message, which others take too."""
    fields = [
        {"title": "Cluster", "value": "blue", "short": False},
        {"title": "Reason", "value": reason, "short": False},
    ]
    attachment = {
        "color": color,
        "author_name": "podinfo.test",
        "text": TEXT,
        "mrkdwn_in": ["text"],
        "fields": fields,
    }
    return {
        "channel": "releases",
        "username": "canary",
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [attachment],
    }


ADAPTIVE_CARD = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": [
                    {
                        "type": "TextBlock",
                        "text": TEXT,
                        "wrap": True,
                        "size": "Medium",
                        "weight": "Bolder",
                        "color": "Attention",
                    },
                    {"type": "TextBlock", "text": "podinfo.test", "wrap": True, "isSubtle": True, "spacing": "None"},
                    {
                        "type": "FactSet",
                        "facts": [{"title": "Cluster", "value": "blue"}, {"title": "Reason", "value": REASON}],
                    },
                ],
            },
        }
    ],
}
GOOGLE_CARD = {
    "cards": [
        {
            "header": {"title": "Flagger", "subtitle": "podinfo.test"},
            "sections": [
                {"widgets": [{"textParagraph": {"text": text}}]}
                for text in (
                    TEXT,
                    '<font color="#777777"><b>Cluster</b></font><br>blue',
                    '<font color="#777777"><b>Reason</b></font><br>' + REASON.replace("<", "&lt;"),
                )
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("slack", slackish("danger", REASON.replace("<", "&lt;"))),
        ("discord", slackish("danger")),
        ("rocket", slackish("#FF0000")),
        ("msteams", ADAPTIVE_CARD),
        ("gchat", GOOGLE_CARD),
    ],
)
async def test_payload(room: Room, kind: str, body: Any) -> None:
    """In the format that the chat documents."""
    await room.given(kind, channel="releases", username="canary")
    await room.tell()
    assert room.receiver.bodies == [body]


@pytest.mark.parametrize(
    ("kind", "severity", "color"),
    [
        ("slack", "info", "good"),
        ("slack", "warn", "good"),
        ("slack", "error", "danger"),
        ("discord", "warn", "good"),
        ("rocket", "info", "#0076D7"),
        ("rocket", "warn", "#0076D7"),
        ("rocket", "error", "#FF0000"),
        ("msteams", "info", "Accent"),
        ("msteams", "warn", "Warning"),
        ("msteams", "error", "Attention"),
    ],
)
async def test_color(room: Room, kind: str, severity: str, color: str) -> None:
    """Says how bad it is."""
    await room.given(kind)
    await room.tell(Alert(text=TEXT, severity=Severity(severity)))
    assert f'"color": "{color}"' in json.dumps(room.receiver.bodies[0])


async def test_defaults(room: Room) -> None:
    """Of channel and user; and an address may stand in the provider itself."""
    await room.api.put(
        ALERT_PROVIDERS.path("test", "chat"), {"spec": {"type": "slack", "address": room.receiver.address}}
    )
    await room.tell()
    assert (room.receiver.bodies[0]["channel"], room.receiver.bodies[0]["username"]) == ("general", "flagger")


# -- Slack with a token -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(SINKS))
async def test_token(room: Room, kind: str) -> None:
    """Only Slack gets it."""
    await room.given(kind, token=T0KEN)
    await room.tell()
    expected = f"Bearer {T0KEN}" if kind == "slack" else None
    assert room.receiver.told[0].headers.get("Authorization") == expected


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"ok": True, "ts": "1"}, ""),
        ({"ok": False, "error": "channel_not_found"}, "200 channel_not_found"),
        ({"ok": False}, "200 ok is false"),
        (["ok"], ""),
    ],
)
async def test_chat_post_message(room: Room, body: Any, why: str) -> None:
    """It answers 200 to what it does not do, and says so in the body."""
    await room.given("slack", token=T0KEN)
    room.receiver.answer = lambda: web.json_response(body)
    if why:
        assert (await room.failure()).message == why
    else:
        await room.tell()

"""Slack: an incoming webhook, or with a token the method chat.postMessage."""

import html
import json

from activities.alerts.base import Message, Webhook
from activities.http import Reply
from k8s.client import Json
from workflows.observation import Severity


class Slack(Webhook):
    """A message with one attachment (https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments)."""

    takes_token = True
    calm, alarming = "good", "danger"

    def payload(self, message: Message) -> Json:
        """Attachments are what gives a message its colour and its fields."""
        fields = [
            {"title": self.escaped(title), "value": self.escaped(value), "short": False}
            for title, value in message.fields.items()
        ]
        attachment = {
            "color": self.alarming if message.severity is Severity.ERROR else self.calm,
            "author_name": message.canary,
            "text": self.escaped(message.text),
            "mrkdwn_in": ["text"],
            "fields": fields,
        }
        return {
            "channel": message.channel,
            "username": message.username,
            "icon_url": "",
            "icon_emoji": ":rocket:",
            "attachments": [attachment],
        }

    def escaped(self, text: str) -> str:
        """Slack reads `<`, `>` and `&` as the beginnings of links and mentions; these three alone are escaped."""
        return html.escape(text, quote=False)

    def refusal(self, reply: Reply) -> str:
        """chat.postMessage answers 200 whatever happens; its body says `"ok": false` when it did nothing."""
        if not reply.agrees:
            return super().refusal(reply)
        try:
            body = json.loads(reply.body)
        except (ValueError, RecursionError):  # a webhook answers with the text "ok"
            return ""
        refused = isinstance(body, dict) and body.get("ok") is False
        return f"{reply.status} {body.get('error') or 'ok is false'}" if refused else ""

"""Microsoft Teams: a workflow that posts when a webhook request is received.

The older connectors and their MessageCards were retired; a workflow takes a message with an Adaptive Card
(https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook).
"""

from activities.alerts.base import Message, Webhook
from k8s.client import Json
from workflows.observation import Severity

CARD_TYPE = "application/vnd.microsoft.card.adaptive"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.4"
COLORS = {Severity.INFO: "Accent", Severity.WARN: "Warning", Severity.ERROR: "Attention"}


class MsTeams(Webhook):
    """Channel and user are those of the workflow."""

    def payload(self, message: Message) -> Json:
        """A card with the message, the canary below it, and the fields as facts."""
        body: list[Json] = [
            text_block(message.text, size="Medium", weight="Bolder", color=COLORS[message.severity]),
            text_block(message.canary, isSubtle=True, spacing="None"),
        ]
        if message.fields:
            facts = [{"title": title, "value": value} for title, value in message.fields.items()]
            body.append({"type": "FactSet", "facts": facts})
        card = {
            "$schema": SCHEMA,
            "type": "AdaptiveCard",
            "version": VERSION,
            "msteams": {"width": "Full"},
            "body": body,
        }
        attachment = {"contentType": CARD_TYPE, "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}


def text_block(text: str, **look: str | bool) -> Json:
    """A paragraph that is not cut off at the card's edge."""
    return {"type": "TextBlock", "text": text, "wrap": True, **look}

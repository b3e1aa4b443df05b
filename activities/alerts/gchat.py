"""Google Chat: a space's incoming webhook."""

import html

from activities.alerts.base import Message, Webhook
from k8s.client import Json

TITLE = "Flagger"
"""As the events' source: what rules and searches of a team look for."""


class GoogleChat(Webhook):
    """The webhook's space and user are fixed (https://developers.google.com/workspace/chat/quickstart/webhooks)."""

    def payload(self, message: Message) -> Json:
        """A card: the message, then a section for each field."""
        fields = [
            f'<font color="#777777"><b>{html.escape(title)}</b></font><br>{html.escape(value)}'
            for title, value in message.fields.items()
        ]
        sections = [paragraph(text) for text in (html.escape(message.text), *fields)]
        return {"cards": [{"header": {"title": TITLE, "subtitle": message.canary}, "sections": sections}]}


def paragraph(text: str) -> Json:
    """A section that holds nothing else; the text is HTML."""
    return {"widgets": [{"textParagraph": {"text": text}}]}

"""Rocket.Chat: its incoming integrations take Slack's messages, with colours of their own."""

from activities.alerts.slack import Slack


class Rocket(Slack):
    """https://docs.rocket.chat/docs/integrations, "Incoming"."""

    takes_token = False
    calm, alarming = "#0076D7", "#FF0000"

    def escaped(self, text: str) -> str:
        """Rocket.Chat shows such characters as they are."""
        return text

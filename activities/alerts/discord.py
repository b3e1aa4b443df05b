"""Discord: its webhooks take Slack's messages below `/slack`."""

from activities.alerts.slack import Slack


class Discord(Slack):
    """https://docs.discord.com/developers/resources/webhook, "Execute Slack-Compatible Webhook"."""

    takes_token = False

    def url(self, address: str) -> str:
        """With `/slack` at the end of the path; a query such as `?thread_id=…` stays."""
        path, mark, query = address.partition("?")
        return f"{path.rstrip('/').removesuffix('/slack')}/slack{mark}{query}"

    def escaped(self, text: str) -> str:
        """Discord shows such characters as they are."""
        return text

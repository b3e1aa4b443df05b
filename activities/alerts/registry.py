"""Which chats can be alerted, by `type` of an AlertProvider. A new one is one file and one line here."""

from activities.alerts.base import Sink
from activities.alerts.discord import Discord
from activities.alerts.gchat import GoogleChat
from activities.alerts.msteams import MsTeams
from activities.alerts.rocket import Rocket
from activities.alerts.slack import Slack

SINKS: dict[str, Sink] = {
    "slack": Slack(),
    "msteams": MsTeams(),
    "discord": Discord(),
    "rocket": Rocket(),
    "gchat": GoogleChat(),
}

"""From an AlertProvider and its Secret to where a message goes. Secrets are read here, and shown nowhere."""

import base64
from dataclasses import dataclass, field

from k8s.client import Cluster, Json
from k8s.models.alert_provider import AlertProvider
from k8s.models.loading import load_alert_provider
from k8s.resources import ALERT_PROVIDERS, SECRETS

CHANNEL, USERNAME = "general", "flagger"


class UnfitProvider(Exception):
    """An AlertProvider cannot be used as it is; the text names the key or field, never a value that is secret."""


@dataclass(frozen=True)
class Destination:
    """A chat, and how it is reached."""

    type: str
    """As in `spec.type` of an AlertProvider."""
    address: str = field(repr=False)
    token: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    channel: str = CHANNEL
    username: str = USERNAME


async def find_destination(cluster: Cluster, namespace: str, name: str) -> Destination:
    """Read an AlertProvider, and the Secret that it names.

    Raises:
        ClusterError: one of them is not there, or cannot be read.
        InvalidAlertProvider: the object makes no sense.
        UnfitProvider: it names no address.
    """
    provider = load_alert_provider(await cluster.get(ALERT_PROVIDERS.path(namespace, name)))
    ref = provider.spec.secret_ref
    secret = await cluster.get(SECRETS.path(namespace, ref.name)) if ref else {}
    return destination_of(provider, secret)


def destination_of(provider: AlertProvider, secret: Json) -> Destination:
    """What provider and Secret say, defaults filled in; raises UnfitProvider."""
    spec, data = provider.spec, secret.get("data") or {}
    address = decoded(data, "address") or spec.address
    if not address:
        where = f"secret {spec.secret_ref.name} has no key address" if spec.secret_ref else "spec.address is empty"
        raise UnfitProvider(f"{where}; write the URL of the chat's hook there")
    return Destination(
        type=spec.type,
        address=address,
        token=decoded(data, "token"),
        proxy=spec.proxy or "",
        channel=spec.channel or CHANNEL,
        username=spec.username or USERNAME,
    )


def decoded(data: dict[str, str], key: str) -> str:
    """A value of a Secret, without the line's end that creeps in with an editor; empty when there is none."""
    try:
        value = base64.b64decode(data.get(key) or "").decode().strip()
    except ValueError:
        value = "\n"
    if not value.isprintable() or not value.isascii():
        raise UnfitProvider(f"key {key} of the secret must be ASCII text on one line")
    return value

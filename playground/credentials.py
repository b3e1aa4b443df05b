"""The secrets of a world's cluster: a service account key, an administrator's token, and a kubeconfig with it."""

import base64
import secrets
from pathlib import Path

import yaml

from playground.files import write_private

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# RFC 5915: a P-256 private key is its version, 32 bytes and the curve's name; the public point may be left out,
# because whoever reads the key computes it. So no cryptographic library is needed to make one.
SEC1_HEAD = bytes.fromhex("30310201010420")
SEC1_CURVE = bytes.fromhex("a00a06082a8648ce3d030107")
CONTEXT = "playground"


def service_account_key(path: Path) -> Path:
    """The key that signs and verifies the tokens of service accounts, made when there is none."""
    if not path.exists():
        scalar = 1 + secrets.randbelow(P256_ORDER - 1)
        body = base64.encodebytes(SEC1_HEAD + scalar.to_bytes(32, "big") + SEC1_CURVE).decode()
        write_private(path, f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n")
    return path


def admin_token(path: Path) -> str:
    """The administrator's token from a token file of the API server, made when there is none."""
    if not path.exists():
        write_private(path, f'{secrets.token_urlsafe(32)},admin,admin,"system:masters"\n')
    return path.read_text().split(",", 1)[0]


def write_kubeconfig(path: Path, url: str, certificate: Path, token: str) -> None:
    """A kubeconfig for the administrator, complete in itself."""
    authority = base64.b64encode(certificate.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}],
        "current-context": CONTEXT,
    }
    write_private(path, yaml.safe_dump(config, sort_keys=False))

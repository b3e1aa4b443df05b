"""kube-apiserver: one plain process with a token file, RBAC, and an audit log of every request."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import yaml

from playground.components.base import Component
from playground.credentials import admin_token, service_account_key, write_kubeconfig
from playground.ports import LOOPBACK
from playground.probes import answers
from playground.process import NotReady

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],  # a line a request, when its outcome is known; watches get one more at the start
    "rules": [{"level": "Metadata"}],
}
AUDIT_FILE_MEGABYTES = 1000
AUDIT_FILES = 2


class ApiServer(Component):
    """The Kubernetes API; `probe` also writes the kubeconfig, since the server makes its own certificate."""

    name = "kube-apiserver"
    port: int
    etcd_url: str

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, current from the moment the server serves."""
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON object a line for every request served, level Metadata."""
        return self.folder / "audit.log"

    @property
    def pki(self) -> Path:
        """The folder of keys, tokens and the serving certificate."""
        return self.folder / "pki"

    @property
    def certificate(self) -> Path:
        """The serving certificate followed by its authority, for 127.0.0.1; made by the server on its first start."""
        return self.pki / "apiserver.crt"

    @property
    def service_account_key(self) -> Path:
        """The key that signs tokens of service accounts."""
        return service_account_key(self.pki / "service-account.key")

    def prepare(self) -> None:
        """Write the audit policy, and make token and key unless they are there."""
        self.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
        admin_token(self.pki / "tokens.csv")

    def flags(self) -> Sequence[str]:
        """The smallest set that makes a complete API server on loopback."""
        key = str(self.service_account_key)
        return (
            *("--etcd-servers", self.etcd_url, "--secure-port", str(self.port), "--bind-address", LOOPBACK),
            # An EndpointSlice refuses loopback addresses, so none is kept for the `kubernetes` Service.
            *("--advertise-address", LOOPBACK, "--endpoint-reconciler-type", "none"),
            *("--permit-address-sharing", "--cert-dir", str(self.pki)),
            *("--shutdown-watch-termination-grace-period", "1s"),
            *("--token-auth-file", str(self.pki / "tokens.csv"), "--authorization-mode", "RBAC"),
            # Off by default, but on where OpenShift is: who owns an object for good must be allowed to.
            *("--enable-admission-plugins", "OwnerReferencesPermissionEnforcement"),
            *("--service-account-issuer", "https://kubernetes.default.svc"),
            *("--service-account-key-file", key, "--service-account-signing-key-file", key),
            *("--service-cluster-ip-range", "10.96.0.0/16", "--allow-privileged"),
            *("--audit-policy-file", str(self.folder / "audit-policy.yaml"), "--audit-log-path", str(self.audit_log)),
            *("--audit-log-maxsize", str(AUDIT_FILE_MEGABYTES), "--audit-log-maxbackup", str(AUDIT_FILES)),
        )

    async def probe(self) -> None:
        """It is ready by its own account, with the certificate verified."""
        if not self.certificate.exists():
            raise NotReady("it has not made its certificate yet")
        token = admin_token(self.pki / "tokens.csv")
        await answers(f"{self.url}/readyz", tls=self.tls(), token=token)
        write_kubeconfig(self.kubeconfig, self.url, self.certificate, token)

    def tls(self) -> ssl.SSLContext:
        """Trusts the server's own certificate, and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))

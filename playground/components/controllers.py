"""kube-controller-manager and kube-scheduler: what makes a Deployment become pods on a node."""

from collections.abc import Sequence

from playground.components.apiserver import ApiServer
from playground.components.base import Component
from playground.ports import LOOPBACK
from playground.probes import answers


class Controller(Component):
    """A client of the API server that serves its health with the same certificate."""

    port: int
    api: ApiServer

    def flags(self) -> Sequence[str]:
        """One replica, which therefore needs no leader election."""
        kubeconfig = str(self.api.kubeconfig)
        return (
            *("--kubeconfig", kubeconfig, "--leader-elect=false"),
            *("--authentication-kubeconfig", kubeconfig, "--authorization-kubeconfig", kubeconfig),
            *("--bind-address", LOOPBACK, "--secure-port", str(self.port)),
            *("--tls-cert-file", str(self.api.certificate)),
            *("--tls-private-key-file", str(self.api.certificate.with_suffix(".key"))),
            # The stock limits are meant for shared clusters, and would make many canaries at once wait for them.
            *("--kube-api-qps", "500", "--kube-api-burst", "1000"),
        )

    async def probe(self) -> None:
        """Healthy by its own account."""
        await answers(f"https://{LOOPBACK}:{self.port}/healthz", tls=self.api.tls())


class ControllerManager(Controller):
    """All controllers of Kubernetes; node-lifecycle among them, without which a new node keeps its not-ready taint."""

    name = "kube-controller-manager"

    def flags(self) -> Sequence[str]:
        """As other controllers, with a quick autoscaler and a patient node monitor."""
        return (
            *super().flags(),
            *("--service-account-private-key-file", str(self.api.service_account_key)),
            *("--root-ca-file", str(self.api.certificate), "--use-service-account-credentials"),
            *("--horizontal-pod-autoscaler-sync-period", "5s"),
            # kwok's heartbeat comes late on a machine that is busy; that says nothing about the pods.
            *("--node-monitor-grace-period", "300s"),
        )


class Scheduler(Controller):
    """Binds pods to the node."""

    name = "kube-scheduler"

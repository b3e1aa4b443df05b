"""What is built from source, and how: one `Recipe` for each Go module pinned under `modules/`.

Read by `building.py`. To change a version, change that module's go.mod with `go get` and run `go mod tidy` there.
"""

import hashlib
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

MODULES = Path(__file__).parent / "modules"
KUBERNETES = "1.37.2"
PROMETHEUS = "3.15.1"
HELM = "3.22.0"
DEFINITIONS = "crds"
"""The folder of a build with resource definitions in it."""
STRIPPED = "-s -w"
# Every go command gets these; a non-empty GOFLAGS also replaces what the user's environment or `go env -w` says.
GO_FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath", "-modcacherw")
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class UnsupportedMachine(Exception):
    """The playground has no build for this operating system or processor."""


@dataclass(frozen=True)
class Copy:
    """Files of a module that are taken as they are.

    `into` ending in `.yaml` joins them to one file of several YAML documents; otherwise it names a folder.
    """

    module: str
    patterns: tuple[str, ...]
    into: str


@dataclass(frozen=True)
class Recipe:
    """One Go module of the playground and what comes out of it."""

    name: str
    what: str
    packages: dict[str, str] = field(default_factory=dict)
    ldflags: str = STRIPPED
    tags: str = ""
    copies: tuple[Copy, ...] = ()
    cpu_seconds: int = 5
    """Processor time of a first build in the order of `RECIPES`: what people are told to expect, not a limit."""
    for_tests: bool = False
    """No world runs it: built for the tests that use it, and for nobody else."""

    @property
    def folder(self) -> Path:
        """The folder of its go.mod."""
        return MODULES / self.name

    @property
    def outputs(self) -> tuple[str, ...]:
        """What a complete build holds, as paths in its output folder."""
        return (*self.packages, *(copy.into for copy in self.copies))

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of `go build`, beside `GO_FLAGS`."""
        return ("-tags", self.tags, "-ldflags", self.ldflags)

    def key(self, target: tuple[str, str]) -> str:
        """Twelve hex digits that change whenever the result of the build would; `target` is (GOOS, GOARCH)."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((self.folder / name).read_bytes() + b"\0")
        said = (*GO_FLAGS, *self.flags, *self.packages.items(), *self.copies, *target)
        digest.update(repr(said).encode())
        return digest.hexdigest()[:12]


def this_machine() -> tuple[str, str]:
    """GOOS and GOARCH of this machine.

    Raises:
        UnsupportedMachine: not Linux or macOS on a 64-bit x86 or ARM processor.
    """
    machine = platform.machine().lower()
    if sys.platform not in {"linux", "darwin"} or machine not in ARCHITECTURES:
        raise UnsupportedMachine(
            f"the playground runs on Linux and macOS (amd64, arm64), not on {sys.platform} {machine}; "
            "use a Linux or macOS machine instead"
        )
    return sys.platform, ARCHITECTURES[machine]


def _kubernetes() -> Recipe:
    major, minor, _ = KUBERNETES.split(".")
    version = "k8s.io/component-base/version"
    return Recipe(
        name="kubernetes",
        what=f"Kubernetes {KUBERNETES}: API server, controller manager, scheduler",
        packages={
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        },
        ldflags=f"{STRIPPED} -X {version}.gitVersion=v{KUBERNETES} "
        f"-X {version}.gitMajor={major} -X {version}.gitMinor={minor} "
        f"-X k8s.io/client-go/pkg/version.gitVersion=v{KUBERNETES}",
        cpu_seconds=720,
    )


def _helm() -> Recipe:
    major, minor, _ = KUBERNETES.split(".")
    # `helm template` and `helm lint` judge by the Kubernetes they were built to know, unless they ask a cluster.
    judges = " ".join(
        f"-X {package}.k8sVersionMajor={major} -X {package}.k8sVersionMinor={minor}"
        for package in ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules")
    )
    return Recipe(
        name="helm",
        what=f"Helm {HELM}, which the charts are tested with",
        packages={"helm": "helm.sh/helm/v3/cmd/helm"},
        ldflags=f"{STRIPPED} -X helm.sh/helm/v3/internal/version.version=v{HELM} {judges}",
        cpu_seconds=150,
        for_tests=True,
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _kubernetes(),
        Recipe(
            name="etcd",
            what="etcd 3.7.0, where Kubernetes keeps its objects",
            packages={"etcd": "go.etcd.io/etcd/server/v3"},
            cpu_seconds=45,
        ),
        Recipe(
            name="kwok",
            what="kwok 0.8.0, which plays nodes and kubelets",
            packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
            copies=(
                Copy(
                    "sigs.k8s.io/kwok",
                    (
                        "kustomize/stage/node/fast/node-initialize.yaml",
                        "kustomize/stage/node/heartbeat/node-heartbeat.yaml",
                        "kustomize/stage/pod/fast/pod-*.yaml",
                    ),
                    "kwok-stages.yaml",
                ),
            ),
            cpu_seconds=130,
        ),
        Recipe(
            name="prometheus",
            what=f"Prometheus {PROMETHEUS} with its promtool, for file and static targets only",
            packages={name: f"github.com/prometheus/prometheus/cmd/{name}" for name in ("prometheus", "promtool")},
            tags="remove_all_sd",
            ldflags=f"{STRIPPED} -X github.com/prometheus/common/version.Version={PROMETHEUS}",
            cpu_seconds=230,
        ),
        Recipe(name="hey", what="hey 0.1.5, which makes load", packages={"hey": "github.com/rakyll/hey"}),
        Recipe(
            name="gateway-api",
            what="the Gateway API 1.6.3 resource definitions",
            copies=(Copy("sigs.k8s.io/gateway-api", ("config/crd/standard/*.yaml",), DEFINITIONS),),
        ),
        Recipe(
            name="knative",
            what="the Knative Serving 0.51.0 resource definitions of Services and Revisions",
            copies=(
                Copy(
                    "knative.dev/serving",
                    ("config/core/300-resources/service.yaml", "config/core/300-resources/revision.yaml"),
                    DEFINITIONS,
                ),
            ),
        ),
        Recipe(
            name="keda",
            what="KEDA's 2.21.0 definition of the ScaledObject",
            copies=(
                Copy("github.com/kedacore/keda/v2", ("config/crd/bases/keda.sh_scaledobjects.yaml",), DEFINITIONS),
            ),
        ),
        Recipe(
            name="istio",
            what="the Istio 1.32.0 resource definitions",
            copies=(Copy("istio.io/api", ("kubernetes/customresourcedefinitions.gen.yaml",), DEFINITIONS),),
        ),
        Recipe(
            name="contour",
            what="the Contour 1.33.8 resource definitions",
            copies=(Copy("github.com/projectcontour/contour", ("examples/contour/01-crds.yaml",), DEFINITIONS),),
        ),
        Recipe(
            name="traefik",
            what="Traefik's 3.7.13 definition of the TraefikService",
            copies=(
                Copy(
                    "github.com/traefik/traefik/v3",
                    ("docs/content/reference/dynamic-configuration/traefik.io_traefikservices.yaml",),
                    DEFINITIONS,
                ),
            ),
        ),
        Recipe(
            name="kuma",
            what="Kuma's 1.8.1 definition of the TrafficRoute",
            copies=(
                Copy(
                    "github.com/kumahq/kuma",
                    ("deployments/charts/kuma/crds/kuma.io_trafficroutes.yaml",),
                    DEFINITIONS,
                ),
            ),
        ),
        Recipe(
            name="apisix",
            what="APISIX' 1.7.0 definition of the ApisixRoute",
            copies=(
                Copy(
                    "github.com/apache/apisix-ingress-controller",
                    ("samples/deploy/crd/v1/ApisixRoute.yaml",),
                    DEFINITIONS,
                ),
            ),
        ),
        Recipe(
            name="smi",
            what="Open Service Mesh's 1.2.4 definition of the TrafficSplit",
            copies=(
                Copy("github.com/openservicemesh/osm", ("cmd/osm-bootstrap/crds/smi_traffic_split.yaml",), DEFINITIONS),
            ),
        ),
        _helm(),
        Recipe(
            name="prometheus-operator",
            what="the Prometheus Operator's 0.85.0 definitions of the ServiceMonitor and the PrometheusRule",
            copies=(
                Copy(
                    "github.com/prometheus-operator/prometheus-operator",
                    (
                        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
                        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
                    ),
                    DEFINITIONS,
                ),
            ),
            for_tests=True,
        ),
    )
}

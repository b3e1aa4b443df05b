"""What the processes of a stage used: processor time, memory, requests. Linux only."""

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from k8s.client import FIELD_MANAGER
from playground.stage import Stage

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Costs:
    """Since a stage's worker started."""

    cpu_seconds: dict[str, float]
    """By process, and of the whole machine as `machine`."""
    worker_mebibytes: float
    """Resident; 0 where none runs."""
    requests: int
    """That the worker sent to the API server, without watches."""
    seconds: float
    """On the monotonic clock."""

    def since(self, before: "Costs") -> "Costs":
        """What was used from then to now; memory is that of now."""
        cpu = {name: used - before.cpu_seconds.get(name, 0.0) for name, used in self.cpu_seconds.items()}
        return Costs(cpu, self.worker_mebibytes, self.requests - before.requests, self.seconds - before.seconds)


def costs_of(stage: Stage) -> Costs:
    """As of now."""
    world = stage.world
    processes = {
        "worker": stage.worker.process,
        "temporal": world.temporal.process,
        "kube-apiserver": world.apiserver.process,
        "etcd": world.etcd.process,
        "controllers": world.controller_manager.process,
        "scheduler": world.scheduler.process,
        "kwok": world.kwok.process,
        "prometheus": world.prometheus.process,
    }
    pids = {name: process.pid for name, process in processes.items() if process and process.pid}
    cpu = {name: _cpu_seconds(pid) for name, pid in pids.items()}
    return Costs(
        cpu | {"bench": sum(os.times()[:2]), "machine": _machine_cpu_seconds()},
        resident_mebibytes(pids["worker"]) if "worker" in pids else 0.0,
        sum(requests_of(world.audit_log).values()),
        time.monotonic(),
    )


def requests_of(audit_log: Path, user_agent: str = FIELD_MANAGER) -> Counter[str]:
    """Verb and kind of each request that was served, watches left out, to how often."""
    counted: Counter[str] = Counter()
    with audit_log.open("rb") as lines:
        for line in lines:
            if f'"userAgent":"{user_agent}"'.encode() in line and b'"verb":"watch"' not in line:
                entry = json.loads(line)
                about = entry.get("objectRef", {})
                counted[f"{entry['verb']} {about.get('resource')}/{about.get('subresource', '')}".rstrip("/")] += 1
    return counted


def resident_mebibytes(pid: int) -> float:
    """What a process holds in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / MEBIBYTE


def _cpu_seconds(pid: int) -> float:
    """User and system time; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _machine_cpu_seconds() -> float:
    """All but idle and waiting, over all processors."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS

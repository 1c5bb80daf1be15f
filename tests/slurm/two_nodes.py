"""A real SLURM on this machine: two nodes of one core, in a folder, as Debian's slurm-wlm and munge bring it."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.sure import sure

NODES = ("node1", "node2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo")
CONF = """
ClusterName=trial
SlurmctldHost=localhost
SlurmctldPort={port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={dir}/munge.sock,cred_expire=10
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool-%n
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd-%n.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdLogFile={dir}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=10
SlurmdTimeout=15
MaxArraySize=1001
"""


def missing() -> str:
    """First program of SLURM that is not installed; "" where all are."""
    return next((name for name in PROGRAMS if _found(name) is None), "")


def _found(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@dataclass
class TwoNodes:
    """It runs from `up` to `down`."""

    dir: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment of commands that use this SLURM."""
        return {**os.environ, "SLURM_CONF": str(self.dir / "slurm.conf")}

    def up(self) -> None:
        """Raises RuntimeError where its nodes are not idle in the end."""
        ports = _ports(1 + len(NODES))
        conf = CONF.format(port=ports[0], dir=self.dir, user=getpass.getuser())
        for node, port in zip(NODES, ports[1:], strict=True):
            (self.dir / f"spool-{node}").mkdir()
            conf += f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=8000\n"
        conf += f"PartitionName=all Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP\n"
        (self.dir / "state").mkdir()
        (self.dir / "slurm.conf").write_text(conf, encoding="ascii")
        key = self.dir / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        names = {"key-file": "key", "socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._run("munged", "--force", *(f"--{option}={self.dir}/munge.{end}" for option, end in names.items()))
        self._run("slurmctld", "-f", str(self.dir / "slurm.conf"))
        for node in NODES:
            self.start(node)
        self._wait_until_idle()

    def start(self, node: str) -> None:
        """Its daemon, which does not see the folder `hidden`, where the system lets it have mounts of its own."""
        hidden, daemon = self.dir / "hidden", ["slurmd", "-N", node, "-f", str(self.dir / "slurm.conf")]
        hidden.mkdir(exist_ok=True)
        mounted = f'mount -t tmpfs none "{hidden}" && touch "{self.dir}/hides" ; exec "$0" "$@"'
        try:
            self._run("unshare", "--mount", "sh", "-c", mounted, _found("slurmd") or "", *daemon[1:])
        except (subprocess.SubprocessError, AssertionError):
            self._run(*daemon)

    @property
    def hidden(self) -> Path | None:
        """A folder that no node sees; None where all see all."""
        return self.dir / "hidden" if (self.dir / "hides").exists() else None

    def kill(self, node: str) -> None:
        """Its daemon, and whatever the daemon started there: as a machine that loses its power."""
        for pid in (self._daemon(node), *self._stepds(node)):
            _kill_tree(pid)

    def kill_daemon(self, node: str) -> None:
        """It alone: its jobs go on, and answer the next one."""
        os.kill(self._daemon(node), signal.SIGKILL)

    def _daemon(self, node: str) -> int:
        return int((self.dir / f"slurmd-{node}.pid").read_text())

    def _stepds(self, node: str) -> list[int]:
        """The processes that hold its jobs: they have the daemon's log open."""
        log, pids = str(self.dir / f"slurmd-{node}.log"), []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cmdline").read_bytes().startswith(b"slurmstepd"):
                    pids += [int(process.name) for link in process.glob("fd/*") if os.readlink(link) == log][:1]
        return pids

    def ask(self, *command: str) -> str:
        """Output of a command of SLURM's."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def down(self) -> None:
        """By the ids that it wrote down; jobs first."""
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            self.ask("scancel", "--user", getpass.getuser())
            self._wait_until_empty()
        for path in self.dir.glob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(path.read_text()), signal.SIGTERM)

    def _wait_until_idle(self) -> None:
        for _ in range(60):
            with contextlib.suppress(subprocess.SubprocessError):
                if self.ask("sinfo", "--noheader", "--Node", "--states=idle").count("\n") == len(NODES):
                    return
            time.sleep(0.5)
        raise RuntimeError(f"the nodes are not idle; {self.dir} has their logs")

    def _wait_until_empty(self) -> None:
        for _ in range(60):
            if not self.ask("squeue", "--noheader").strip():
                return
            time.sleep(0.5)

    def _run(self, name: str, *arguments: str) -> None:
        program = sure(_found(name))
        subprocess.run([program, *arguments], env=self.environment, check=True, stdout=subprocess.DEVNULL, timeout=60)


def _kill_tree(pid: int) -> None:
    """The youngest last, so that none is adopted before it is found."""
    children = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text().split()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for child in children:
        _kill_tree(int(child))


def _ports(count: int) -> list[int]:
    """That nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for port_socket in sockets:
            port_socket.bind(("127.0.0.1", 0))
        return [port_socket.getsockname()[1] for port_socket in sockets]

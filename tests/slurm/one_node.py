"""A real Slurm of one node, on loopback and in a folder of its own, for tests that run as root."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"  # where Debian puts the daemons
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# Memory is checked every two seconds, and a job that exceeds its memory is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,bf_interval=5
ReturnToService=2
MinJobAge=600
KillWait=5
# The node offers the resources written here, whatever the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 Gres=gpu:3 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


def missing():
    """The reason why no cluster can run on this machine, or None if one can."""
    if os.geteuid() != 0:
        return "starting Slurm needs root"
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "setpriv")
    absent = [program for program in programs if not shutil.which(program, path=PATH)]
    return f"{', '.join(absent)}: not installed (Debian: slurm-wlm, munge)" if absent else None


@contextmanager
def one_node(root):
    """Start the cluster, yield the environment in which sbatch, squeue and Snakemake find it, and stop it."""
    host = socket.gethostname().partition(".")[0]
    (root / "slurm.conf").write_text(CONFIG.format(host=host, root=root, ports=free_ports(2)))
    gpus = [f"Name=gpu File=/dev/{name}\n" for name in ("null", "zero", "full")]  # three stand-ins for GPUs
    (root / "gres.conf").write_text("".join(["AutoDetect=off\n", *gpus]))
    (root / "munge.key").write_bytes(os.urandom(1024))
    (root / "munge.key").chmod(0o600)
    for folder in ("state", "spool", "bin"):
        (root / folder).mkdir()
    # Before it calls srun in a job, Snakemake clears SLURM_*; srun would then look for /etc/slurm/slurm.conf.
    srun = root / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={root}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    env = os.environ | {"SLURM_CONF": f"{root}/slurm.conf", "PATH": f"{root}/bin:{PATH}"}
    munge = [f"--{name}-file={root}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    munge_socket = root / "munge.socket"
    state = ["sinfo", "--noheader", "--format=%T", "--partition=cpu"]
    with ExitStack() as stack:
        daemon(stack, env, "munged", "--foreground", "--force", *munge, f"--socket={munge_socket}")
        wait_until(munge_socket.exists, 20, "munged did not start", root)
        daemon(stack, env, "slurmctld", "-D")
        daemon(stack, env, "slurmd", "-D")
        wait_until(lambda: call(env, *state).strip() == "idle", 60, "the node did not start", root)
        stack.callback(end_jobs, env)
        yield env


def end_jobs(env):
    """Cancel every job and wait until its processes have ended, because a stopped daemon leaves them running."""
    call(env, "scancel", "--user=root")
    deadline = time.monotonic() + 30
    while call(env, "squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.5)


def daemon(stack, env, *command):
    """Start a daemon that ends with the stack, or with this process if that is killed."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def end():
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()

    stack.callback(end)


def call(env, *command):
    """The output of a Slurm command."""
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout


def wait_until(condition, seconds, message, root):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            logs = [f"{path}:\n{path.read_text()[-2000:]}" for path in sorted(Path(root).glob("*.log"))]
            raise TimeoutError("\n".join([f"{message} within {seconds} s", *logs]))
        time.sleep(0.2)


def free_ports(count):
    """Numbers of unused ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]

#!/bin/bash
# A SLURM of one node on this Debian machine, for trying profiles/slurm: no accounting, no systemd.
#
#     one_node.sh up [CARDS]   install what is missing, write the configuration, start the daemons
#     one_node.sh down         stop them, and delete the configuration and the state
#
# Wants root. CARDS (by default 2) are what SLURM hands out as GPUs, each of them /dev/null or the
# like. A configuration that is not from here is left alone; the exit status is then 3.
set -euo pipefail

CONFIG=/etc/slurm
CLUSTER=one_node
PLACE=/var/lib/one-node-slurm # state, logs, process ids
MARK="# written by one_node.sh"

fail() {
    echo "one_node.sh: $*" >&2
    exit 1
}

keep_off_others() {
    [ ! -e "$CONFIG/slurm.conf" ] || grep -qx "$MARK" "$CONFIG/slurm.conf" && return
    echo "one_node.sh: $CONFIG/slurm.conf belongs to another SLURM, which is left as it is" >&2
    exit 3
}

install_packages() {
    local missing=()
    for command in slurmctld slurmd sbatch munged; do
        command -v $command >/dev/null || missing+=($command)
    done
    [ ${#missing[@]} = 0 ] && return
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -y -q --no-install-recommends slurmctld slurmd slurm-client munge
}

write_configuration() {
    local cards=$1 host memory
    host=$(hostname -s)
    memory=$(awk '/MemTotal/ {print int($2 / 1024) - 1024}' /proc/meminfo)
    mkdir -p "$CONFIG" "$PLACE/state" "$PLACE/spool"
    cat >"$CONFIG/slurm.conf" <<-END
	$MARK
	ClusterName=$CLUSTER
	SlurmctldHost=$host(127.0.0.1)
	SlurmUser=root
	SlurmdUser=root
	AuthType=auth/munge
	# A job that was sent back to the queue waits for so many seconds, by default 120.
	AuthInfo=cred_expire=5
	CredType=cred/munge
	MpiDefault=none
	# Processes are followed by their parents: a container lends no control groups.
	ProctrackType=proctrack/linuxproc
	TaskPlugin=task/none
	JobAcctGatherType=jobacct_gather/none
	AccountingStorageType=accounting_storage/none
	SelectType=select/cons_tres
	SelectTypeParameters=CR_Core_Memory
	GresTypes=gpu
	# A node that was marked down, and answers, is taken back only when told.
	ReturnToService=1
	SlurmctldPidFile=$PLACE/slurmctld.pid
	SlurmdPidFile=$PLACE/slurmd.pid
	StateSaveLocation=$PLACE/state
	SlurmdSpoolDir=$PLACE/spool
	SlurmctldLogFile=$PLACE/slurmctld.log
	SlurmdLogFile=$PLACE/slurmd.log
	NodeName=$host NodeAddr=127.0.0.1 CPUs=$(getconf _NPROCESSORS_ONLN) RealMemory=$memory Gres=gpu:$cards
	PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
	END
    echo "$MARK" >"$CONFIG/cgroup.conf"
    {
        echo "$MARK"
        # Each card needs a device of its own, which nothing opens.
        local devices=(/dev/null /dev/zero /dev/full /dev/random)
        for ((card = 0; card < cards; card++)); do
            echo "NodeName=$host Name=gpu File=${devices[card]}"
        done
    } >"$CONFIG/gres.conf"
}

start_munge() {
    munge -n >/dev/null 2>&1 && return # it runs already, and is not stopped by `down`
    mkdir -p /run/munge
    chown munge:munge /run/munge
    su -s /bin/sh munge -c "/usr/sbin/munged --force"
    touch "$PLACE/munge-is-ours"
}

wait_for_node() {
    for _ in $(seq 60); do
        [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && return
        sleep 0.5
    done
    sinfo -N -l || true
    tail -n 20 "$PLACE"/*.log >&2
    fail "the node does not come up within 30 s; its logs are above"
}

up() {
    local cards=${1:-2}
    [[ $cards =~ ^[0-4]$ ]] || fail "CARDS must be 0 to 4, not $cards"
    install_packages
    down
    write_configuration "$cards"
    start_munge
    slurmctld
    slurmd
    wait_for_node
    sinfo -N -l
}

stop() {
    local file=$1 pid
    [ -s "$file" ] || return 0
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
}

# Of a job that was sent back a process may stay whose parent is gone; control groups would know it.
kill_left_over() {
    local environment pid
    for environment in /proc/[0-9]*/environ; do
        if tr '\0' '\n' 2>/dev/null <"$environment" | grep -qx "SLURM_CLUSTER_NAME=$CLUSTER"; then
            pid=${environment#/proc/}
            kill -9 "${pid%/environ}" 2>/dev/null || true
        fi
    done
}

down() {
    if [ -s "$PLACE/slurmctld.pid" ] && squeue -h >/dev/null 2>&1; then
        squeue -h -o %i | xargs -r scancel || true
    fi
    kill_left_over
    stop "$PLACE/slurmd.pid"
    stop "$PLACE/slurmctld.pid"
    [ -e "$PLACE/munge-is-ours" ] && stop /run/munge/munged.pid
    rm -rf "$PLACE"
    for file in slurm.conf cgroup.conf gres.conf; do
        [ -e "$CONFIG/$file" ] && grep -qx "$MARK" "$CONFIG/$file" && rm "$CONFIG/$file"
    done
    return 0
}

[ "$(id -u)" = 0 ] || fail "run it as root"
keep_off_others
case ${1:-} in
up) up "${2:-}" ;;
down) down ;;
*) fail "say up or down" ;;
esac

#!/bin/bash
# An array job and a job step on a real Slurm of one node, which this script sets up below a scratch folder and takes
# down again; their parts, joined, must be the run that was not divided.
#
#   tests/slurm/run.sh SMLP [PICTURES MODEL]
#
# Needs Debian's slurm-wlm and munge, and root. Exit 77: skipped.
set -euo pipefail

[[ $# == 1 || $# == 3 ]] || {
  echo "usage: $0 SMLP [PICTURES MODEL]" >&2
  exit 2
}
smlp=$(realpath "$1")
tests=$(realpath "$(dirname "$0")/..")

skip() {
  echo "SKIPPED: $1"
  exit 77
}
for program in slurmctld slurmd munged sbatch srun; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "$program is not installed (slurm-wlm, munge)"
done
[[ $(id -u) == 0 ]] || skip "Slurm's daemons want root"
PATH=$PATH:/usr/sbin

base=$(mktemp -d)
chmod 755 "$base"
host=$(hostname -s)
daemons=()
cleanup() {
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$base"
}
trap cleanup EXIT

# Munge, with a key and a socket of its own.
mkdir -m 711 "$base/munge"
mkdir -m 755 "$base/munge/run"
mkdir -m 700 "$base/munge/etc" "$base/munge/var"
head -c 1024 /dev/urandom >"$base/munge/etc/key"
chmod 400 "$base/munge/etc/key"
munged --foreground --force --num-threads=1 --socket="$base/munge/run/socket" --key-file="$base/munge/etc/key" \
  --pid-file="$base/munge/run/pid" --log-file="$base/munge/var/log" --seed-file="$base/munge/var/seed" \
  >"$base/munged.out" 2>&1 &
daemons+=($!)

port=$((20000 + RANDOM % 20000))
cat >"$base/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$base/munge/run/socket
CredType=cred/munge
StateSaveLocation=$base/state
SlurmdSpoolDir=$base/spool
SlurmctldPidFile=$base/slurmctld.pid
SlurmdPidFile=$base/slurmd.pid
SlurmctldLogFile=$base/slurmctld.log
SlurmdLogFile=$base/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
mkdir -p "$base/state" "$base/spool"
export SLURM_CONF=$base/slurm.conf
slurmctld -D >"$base/slurmctld.out" 2>&1 &
daemons+=($!)
slurmd -D -N "$host" >"$base/slurmd.out" 2>&1 &
daemons+=($!)

for _ in $(seq 60); do
  [[ $(sinfo -h -o %T 2>/dev/null) == idle ]] && break
  sleep 0.5
done
if [[ $(sinfo -h -o %T 2>/dev/null) != idle ]]; then
  tail -n 5 "$base"/*.log "$base"/*.out >&2 || true
  skip "Slurm does not start here"
fi
echo "Slurm $(sinfo --version | cut -d' ' -f2), one node, $(nproc) processors"

cd "$base"
if [[ $# == 3 ]]; then
  pictures=$(cd "$OLDPWD" && realpath "$2") model=$(cd "$OLDPWD" && realpath "$3")
else
  pictures=$base/pictures model=$tests/formats/onnx/script_11_nchw_batch.onnx
  for class in a b c; do
    mkdir -p "$pictures/$class"
    cp "$tests"/image/fixtures/{17x9,420,444-progressive}.jpg "$tests"/image/fixtures/rgb8-plain.png "$pictures/$class"
  done
fi
evaluate=("$smlp" evaluate "$pictures" --model "$model" --threads 1 --json)
"${evaluate[@]}" >whole.json || [[ $? == 1 ]]

# Tasks 3, 5, 7, 9: the numbers of an array are the user's.
cat >array.sh <<JOB
#!/bin/bash
${evaluate[*]} --shard auto --predictions array-\$SLURM_ARRAY_TASK_ID.jsonl >array-\$SLURM_ARRAY_TASK_ID.json
exit 0
JOB
sbatch --wait --array=3-9:2 --output="array-%a.out" array.sh
cat array-*.out
"$smlp" merge array-*.json --json >array.json || [[ $? == 1 ]]

# Processes of one job step.
cat >step.sh <<JOB
#!/bin/bash
${evaluate[*]} --shard auto >step-\$SLURM_PROCID.json
exit 0
JOB
chmod +x step.sh
srun --ntasks=3 --overcommit ./step.sh
"$smlp" merge step-*.json --json >step.json || [[ $? == 1 ]]

python3 - <<'PYTHON'
import json

def counts(name):
    report = json.load(open(name))
    return {k: v for k, v in report.items() if k not in ("seconds", "images_per_second", "latency_ms")}

whole = counts("whole.json")
for name, parts in (("array.json", [f"array-{i}.json" for i in (3, 5, 7, 9)]), ("step.json", [f"step-{i}.json" for i in range(3)])):
    assert counts(name) == whole, f"{name} differs from the run that was not divided"
    shards = [json.load(open(part))["shard"] for part in parts]
    assert [s["index"] for s in shards] == list(range(1, len(parts) + 1)), shards
    print(f"{name}: {len(parts)} parts, {whole['images']} pictures, the same to the last digit")
PYTHON

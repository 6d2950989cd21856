#!/usr/bin/env bash
# Two processes, each with half of every batch, train as one process does with the whole of it: every loss within 1e-4.
# A signal to either stops both, and --resume ends in the same bytes. Usage: two_processes.sh PROGRAM SMOKE_FOLDER [STEPS]
set -euo pipefail
program=$1 smoke=$2 steps=${3:-20}
folder=$smoke/two
fail() { echo "two_processes: $*" >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$folder"
for out in one two stopped; do mkdir "$folder/$out"; cp -r "$smoke/one/teacher" "$folder/$out"; done

# A smooth loss and no frame period but the base one: |x| and the slots of CIF have kinks, at which rounding decides.
# In stage 2 both sides also hear the same mixtures.
smooth=(--set stage2.augment="{mixing: {probability: 0.5}}" --set stage1.objective.distance=mse --set stage2.objective.distance=mse --set stage2.sampler.progressive=1)
train() {  # train OUT STAGE CROPS ARGUMENTS...
  exec "$program" train configs/smoke.yaml --stage "$2" --threads 1 --out "$folder/$1" "${smooth[@]}" \
    --set "stage$2.dtype=fp32" --set "stage$2.steps=$steps" --set "stage$2.batch.crops=$3" "${@:4}"
}
pids=()
two() {  # two OUT STAGE ARGUMENTS...: starts both; what they say goes to OUT.RANK.txt
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  pids=()
  for rank in 0 1; do
    (export RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port
     train "$1" "$2" 4 "${@:3}") >/dev/null 2>"$folder/$1.$rank.txt" &
    pids+=($!)
  done
}
joined() {  # joined STATUS OUT
  for rank in 0 1; do
    local status=0
    wait "${pids[$rank]}" || status=$?
    [ "$status" = "$1" ] || fail "rank $rank: exit $status instead of $1: $(tail -2 "$folder/$2.$rank.txt")"
  done
}
compare() {  # compare STAGE [ONE TWO]: the losses of these runs
  python3 - "$folder/${2:-one}/stage$1/metrics.jsonl" "$folder/${3:-two}/stage$1/metrics.jsonl" "$steps" <<'PY'
import json, sys
one, two = ([json.loads(line) for line in open(path)] for path in sys.argv[1:3])
curves = [{line["step"]: line["loss"] for line in lines if "loss" in line} for lines in (one, two)]
assert len(curves[0]) == int(sys.argv[3]) and curves[0].keys() == curves[1].keys(), [len(c) for c in curves]
worst = max(abs(curves[1][step] - loss) / loss for step, loss in curves[0].items())
assert curves[0][1] != curves[0][int(sys.argv[3])], "nothing was learnt"
print(f"stage {sys.argv[1][-15]}: largest relative difference of {len(curves[0])} losses {worst:.1e}")
sys.exit(worst > 1e-4)
PY
}

for stage in 1 2; do
  (train one "$stage" 8) >/dev/null 2>"$folder/one.txt" || fail "one process: $(tail -1 "$folder/one.txt")"
  two two "$stage"
  joined 0 two
  compare "$stage" || fail "stage $stage: two processes are not one with twice the batch"
  if [ "$stage" = 1 ]; then
    cp "$folder/two/stage1/model.safetensors" "$folder/uninterrupted.safetensors"
    cp "$folder"/one/stage1/*.safetensors "$folder/two/stage1"  # both start stage 2 from one model
  fi
  [ ! -s "$folder/two.1.txt" ] || fail "the second process talks: $(head -1 "$folder/two.1.txt")"
done

# The state of an objective comes from all processes: the keys of contrastive's queue, which the run fills several times.
# (Not of every objective: cka's `local` compares the clips of a batch, and sees those of one process only: docs/methods.md.)
for out in queue_of_one queue_of_two; do mkdir "$folder/$out"; cp -r "$smoke/one/teacher" "$folder/$out"; done
queue=(--set "stage1.objective={kind: sum, of: [{kind: layer_mean, top: 2, distance: mse}, {kind: contrastive, queue: 24}]}")
(train queue_of_one 1 8 "${queue[@]}") >/dev/null 2>"$folder/one.txt" || fail "one process: $(tail -1 "$folder/one.txt")"
two queue_of_two 1 "${queue[@]}"
joined 0 queue_of_two
compare 1 queue_of_one queue_of_two || fail "contrastive: two processes are not one with twice the batch"
printf -v last 'stage1/checkpoint/step-%09d.safetensors' "$steps"
python3 - "$folder/queue_of_one/$last" "$folder/queue_of_two/$last" <<'PY' || fail "contrastive: two processes have another queue"
import array, json, struct, sys
def state(path):
    data = open(path, "rb").read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, tensor in json.loads(data[8:start]).items():
        if not name.startswith("state/"): continue
        begin, end = tensor["data_offsets"]
        tensors[name.split(".")[-1]] = array.array({"F32": "f", "I64": "q"}[tensor["dtype"]], data[start + begin : start + end])
    return tensors
one, two = state(sys.argv[1]), state(sys.argv[2])
assert one.keys() == two.keys() >= {"keys", "first", "frames"}, (one.keys(), two.keys())
assert len(one["frames"]) == 24 and min(one["frames"]) > 0, one["frames"]
assert one["first"] == two["first"] and one["frames"] == two["frames"], "other clips"
assert len(set(one["first"])) > 8, one["first"]
worst = max(abs(a - b) for a, b in zip(one["keys"], two["keys"]))
print(f"contrastive: largest difference of the {len(one['frames'])} keys {worst:.1e}")
sys.exit(len(one["keys"]) != len(two["keys"]) or worst > 1e-4)
PY

two stopped 1 --set stage1.checkpoint.minutes=1e-6
for _ in $(seq 200); do
  if compgen -G "$folder/stopped/stage1/checkpoint/step-*.safetensors" >/dev/null; then break; fi
  sleep 0.05
done
kill -TERM "${pids[1]}"
joined 143 stopped
[ ! -e "$folder/stopped/stage1/model.safetensors" ] || fail "it had already ended when the signal came"
two stopped 1 --resume
joined 0 stopped
cmp "$folder/uninterrupted.safetensors" "$folder/stopped/stage1/model.safetensors" || fail "resumed ends elsewhere"

# AdamW's moments divided between the two: the same bytes, the checkpoint's too, also when one resumes what the other began.
mkdir "$folder/sharded" && cp -r "$smoke/one/teacher" "$folder/sharded"
two sharded 1 --set stage1.optimizer.sharded=true --max-minutes 0.001
joined 0 sharded
grep -q "moments take at most" "$folder/sharded.0.txt" || fail "no word on the memory of moments: $(cat "$folder/sharded.0.txt")"
two sharded 1 --set stage1.optimizer.sharded=true --resume
joined 0 sharded
cmp "$folder/uninterrupted.safetensors" "$folder/sharded/stage1/model.safetensors" || fail "sharded moments end elsewhere"
printf -v last 'checkpoint/step-%09d.safetensors' "$steps"
cmp "$folder/stopped/stage1/$last" "$folder/sharded/stage1/$last" || fail "the checkpoint of sharded moments is another"

# Processes that were not given the same refuse to begin; one that hangs ends the others.
mkdir "$folder/x" && cp -r "$smoke/one/teacher" "$folder/x"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pids=()
for rank in 0 1; do
  (export RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port
   train x 1 4 --seed $rank --set stage1.optimizer.lr=0.00$((rank + 1))) >/dev/null 2>"$folder/x.$rank.txt" &
  pids+=($!)
done
joined 2 x
for rank in 0 1; do
  for key in seed stage1.optimizer.lr; do
    grep -q "$key: rank 0 has .*rank 1 has" "$folder/x.$rank.txt" || fail "rank $rank does not name $key: $(cat "$folder/x.$rank.txt")"
  done
done
[ ! -e "$folder/x/stage1/checkpoint" ] || fail "a run of processes that differ has begun"

mkdir "$folder/hung" && cp -r "$smoke/one/teacher" "$folder/hung"
two hung 1 --answer-minutes 0.2 --set stage1.steps=100000 --set stage1.checkpoint.minutes=1e-6
for _ in $(seq 200); do
  if compgen -G "$folder/hung/stage1/checkpoint/step-*.safetensors" >/dev/null; then break; fi
  sleep 0.05
done
kill -STOP "${pids[1]}"
status=0 begun=$SECONDS
wait "${pids[0]}" || status=$?
kill -KILL "${pids[1]}"
[ "$status" = 3 ] || fail "beside a process that hangs: exit $status instead of 3: $(tail -2 "$folder/hung.0.txt")"
[ $((SECONDS - begun)) -lt 90 ] || fail "it took $((SECONDS - begun)) s to notice a process that hangs, instead of 12"
grep -q "lost the other processes" "$folder/hung.0.txt" || fail "no word on the process that hangs: $(tail -1 "$folder/hung.0.txt")"

status=0
WORLD_SIZE=2 "$program" train configs/smoke.yaml --stage 1 --out "$folder/x" 2>"$folder/rank.txt" >/dev/null || status=$?
[ "$status" = 2 ] || fail "WORLD_SIZE without RANK: exit $status instead of 2"
grep -q "RANK is not" "$folder/rank.txt" || fail "the missing rank is not named: $(cat "$folder/rank.txt")"
echo "two processes: passed"

#!/usr/bin/env bash
# A training run that is stopped at random moments and resumed ends with the same bytes as an uninterrupted one:
# kill -9 anywhere, every fourth time inside the writing of a checkpoint; then SIGTERM and SIGINT.
# Usage: kill_resume.sh PROGRAM SMOKE_FOLDER KILLS [SEED]
set -euo pipefail
program=$1 smoke=$2 kills=$3 seed=${4:-$$}
folder=$smoke/kill_resume-$kills
steps=$((kills * 15 + 60))
fail() { echo "kill_resume (seed $seed): $*" >&2; exit 1; }
RANDOM=$seed

rm -rf "$folder"
for run in whole stopped; do  # a teacher and a first stage to start from
  mkdir -p "$folder/$run"
  cp -r "$smoke/one/teacher" "$smoke/one/stage1" "$folder/$run"
done
stage=$folder/stopped/stage2

# Its queue of 40 keys wraps every few steps.
objective='{kind: sum, of: [{kind: layer_mean, top: 1}, {kind: contrastive, queue: 40}]}'
train() {  # train RUN ARGUMENTS...: replaces the shell. A checkpoint after every step: writing is much of the time.
  exec "$program" train configs/smoke.yaml --stage 2 --threads 1 --out "$folder/$1" --set stage2.steps=$steps \
    --set stage2.objective="$objective" --set stage2.validate_every=7 --set stage2.checkpoint.minutes=1e-6 --set stage2.sampler.in_place=true \
    --set stage2.augment="{mixing: {probability: 0.3}, band_limit: {probability: 0.3}}" "${@:2}" \
    >/dev/null 2>"$folder/$1.log"
}
done_steps() { grep -c '"loss"' "$stage/metrics.jsonl" 2>/dev/null || true; }
has_done() { local n; n=$(done_steps); [ "${n:-0}" -ge "$1" ]; }
half_written() { compgen -G "$stage/checkpoint/.step-*.tmp" >/dev/null; }
await() {  # await PID CONDITION...: false when the program ended first
  until "${@:2}"; do kill -0 "$1" 2>/dev/null || return 1; done
}

stop() {  # stop SIGNAL STATUS [writing]: starts, and stops after a few steps and a moment, or inside a write
  local before pid moment status=0
  before=$(done_steps)
  train stopped --resume &
  pid=$!
  if [ "${3:-}" = writing ]; then
    await $pid half_written || fail "it ended before a write: $(tail -1 "$folder/stopped.log")"
  else
    printf -v moment '0.%03d' $((RANDOM % 300))
    if [ "$1" != KILL ] || [ $((RANDOM % 4)) != 0 ]; then  # else while it starts or resumes
      await $pid has_done $((${before:-0} + RANDOM % 4 + 1)) || fail "it ended early: $(tail -1 "$folder/stopped.log")"
      printf -v moment '0.%03d' $((RANDOM % 30))
    fi
    sleep "$moment"
  fi
  kill "-$1" $pid
  wait $pid 2>/dev/null || status=$?
  [ "$status" = "$2" ] || fail "exit $status after SIG$1 instead of $2: $(tail -1 "$folder/stopped.log")"
}

(train whole) || fail "$(tail -1 "$folder/whole.log")"
inside=0
for ((i = 1; i <= kills; ++i)); do
  if [ $((i % 4)) != 0 ] && [ "$i" != "$kills" ]; then stop KILL 137; continue; fi
  for _ in 1 2 3 4 5; do
    stop KILL 137 writing
    half_written && { inside=$((inside + 1)); break; }
  done
done
[ $((inside * 4)) -ge "$kills" ] || fail "only $inside of $kills kills hit a write"
stop TERM 143
stop INT 130
(train stopped --resume) || fail "$(tail -1 "$folder/stopped.log")"
grep -q "resuming from step" "$folder/stopped.log" || fail "the last session started afresh"

printf -v last 'checkpoint/step-%09d.safetensors' $steps
for file in model.safetensors objective.safetensors best/model.safetensors best/objective.safetensors "$last"; do
  cmp "$folder/whole/stage2/$file" "$stage/$file" || fail "$file differs from that of the run left alone"
done
[ "$(done_steps)" = "$steps" ] || fail "metrics.jsonl has $(done_steps) steps instead of $steps"
[ -z "$(find "$stage" -name '.*.tmp')" ] || fail "half-written files are left: $(find "$stage" -name '.*.tmp')"
echo "kill and resume: well, $kills kills, $inside inside a write"

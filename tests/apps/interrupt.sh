#!/usr/bin/env bash
# Ctrl-C saves and exits 130; the same command resumes.
# Usage: interrupt.sh PROGRAM SMOKE_FOLDER
set -euo pipefail
program=$1 folder=$2/interrupted
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "interrupt: $*" >&2; exit 1; }

interrupted() {  # starts a long teacher, interrupts it after N steps are on record, and wants exit 130
  local steps=$1 status=0
  "$program" run configs/smoke.yaml --out "$folder" --stages corpus,teacher --set teacher.pretrain.steps=100000 2>"$folder/log.txt" &
  local pid=$!
  for _ in $(seq 600); do
    [ "$(grep -c '"step"' "$folder/teacher/metrics.jsonl" 2>/dev/null || true)" -ge "$steps" ] 2>/dev/null && break
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  kill -INT $pid || fail "it had ended before: $(tail -1 "$folder/log.txt")"
  wait $pid || status=$?
  [ "$status" = 130 ] || fail "exit $status instead of 130: $(tail -1 "$folder/log.txt")"
}
interrupted 1
ls "$folder"/teacher/checkpoint/step-*.safetensors >/dev/null || fail "no checkpoint was saved"
interrupted 2
grep -q "resuming from step" "$folder/log.txt" || fail "the second run did not resume: $(head -5 "$folder/log.txt")"
echo "interrupt: passed"

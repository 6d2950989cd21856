#!/usr/bin/env bash
# Two steps of a scaled form of configs/hubert-base.yaml, of both iterations: all of its keys, a narrow model, four clips.
# Usage: hubert_pipeline.sh PROGRAM FOLDER      FOLDER is emptied.
set -euo pipefail
program=$1 folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "hubert_pipeline: $*" >&2; exit 1; }

python3 "$(dirname "$0")/synthetic_corpus.py" "$folder/corpus" 4 3
key=teacher.pretrain
run() {  # run NAME [--set ...]
  local name=$1
  "$program" run configs/hubert-base.yaml --out "$folder/$name" --stages corpus,teacher "${@:2}" \
    --set corpus.manifest="$folder/corpus/manifest.tsv" --set space.architecture="c=32 e=128 p=20000 L=0-11:2x256" \
    --set $key.steps=2 --set $key.validate_every=0 --set $key.validation_crops=2 --set $key.batch.budget=6 \
    --set $key.batch.longest=3 --set $key.units.sample_frames=400 --set $key.units.iterations=3 --set $key.units.restarts=2
  [ "$(grep -c '"loss"' "$folder/$name/teacher/metrics.jsonl")" = 2 ] || fail "$name did not make two steps"
  ! grep -q '"skipped":true' "$folder/$name/teacher/metrics.jsonl" || fail "$name skipped a step"
  grep -q '"feature_penalty"' "$folder/$name/teacher/metrics.jsonl" || fail "$name has no feature penalty"
  grep -q '"distortion"' "$folder/$name/teacher/units.json" || fail "$name has no figures of its units"
}
run first --set $key.units.clusters=20
run second --set $key.units.features=layer --set $key.units.layer=6 --set $key.units.clusters=30 \
  --set $key.units.model="$(realpath "$folder")/first/teacher/model.safetensors"
grep -q 'layer_drop: 0.05' "$folder/second/teacher/config.yaml" || fail "config.yaml has no layer drop"
echo "HuBERT pipeline: passed"

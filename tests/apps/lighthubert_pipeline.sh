#!/usr/bin/env bash
# LightHuBERT at its full size (768 / 12 / 3072): two steps of each stage of configs/lighthubert/small.yaml from a teacher
# of HuBERT base's shape, in less than 12 GiB. The extracted subnet has LightHuBERT's own size.
# Usage: lighthubert_pipeline.sh PROGRAM FOLDER      FOLDER is emptied, and again at the end: it takes several GB.
set -euo pipefail
program=$1 folder=$2
ulimit -v $((12 * 1024 * 1024))
rm -rf "$folder"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"
fail() { echo "lighthubert_pipeline: $*" >&2; exit 1; }

python3 "$(dirname "$0")/synthetic_corpus.py" "$folder/corpus" 4 3
few="{crops: 1, seconds: 1.5}"
cat >"$folder/teacher.yaml" <<YAML
corpus: {manifest: corpus/manifest.tsv}
space:
  blueprint: {positional: {kernel: 128, groups: 16}}
  architecture: "c=512 e=768 p=20000 L=0-11:12x3072"
teacher:
  pretrain: {steps: 1, validation_crops: 1, units: {clusters: 8, sample_frames: 200, iterations: 1}, layers: [12], batch: $few}
YAML
"$program" run "$folder/teacher.yaml" --out "$folder/hubert" --stages corpus,teacher
mv "$folder/hubert/teacher/model.safetensors" "$folder/hubert-base.safetensors"
rm -r "$folder/hubert"

short=()
for stage in stage1 stage2; do
  short+=(--set "$stage.steps=2" --set "$stage.validate_every=0" --set "$stage.validation_crops=1" --set "$stage.batch=$few")
done
"$program" run configs/lighthubert/small.yaml --out "$folder/small" --stages corpus,teacher,stage1,stage2 "${short[@]}" \
  --set corpus.manifest="$folder/corpus/manifest.tsv" --set teacher.model="$folder/hubert-base.safetensors"

for stage in stage1 stage2; do
  [ "$(grep -c '"loss"' "$folder/small/$stage/metrics.jsonl")" = 2 ] || fail "$stage did not make two steps"
  ! grep -q '"skipped":true' "$folder/small/$stage/metrics.jsonl" || fail "$stage skipped a step"
done
model=$folder/small/stage2/model.safetensors
"$program" model show "$model" --json | python3 -c '
import json, sys
model = json.load(sys.stdin)
assert model["architectures"] == "951892141473", model["architectures"]
assert model["default"]["params_lighthubert"] == 26879744, model["default"]'
"$program" extract "$model" --arch smallest -o "$folder/small-min.safetensors" --json | python3 -c '
import json, sys
subnet = json.load(sys.stdin)
assert subnet["params_lighthubert"] == 11449088, subnet
assert 4 * subnet["params"] <= subnet["bytes"] <= 4 * subnet["params"] + 65536, subnet'
"$program" encode "$folder/small-min.safetensors" "$folder/corpus/clip0.wav" --layers last -o "$folder/features.npy"
echo "LightHuBERT pipeline: passed"

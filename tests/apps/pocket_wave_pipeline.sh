#!/usr/bin/env bash
# The pipeline of configs/pocket-wave.yaml in a few steps: channels and frame periods are genes like the others.
# Usage: pocket_wave_pipeline.sh PROGRAM FOLDER      FOLDER is emptied.
set -euo pipefail
program=$1 folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "pocket_wave_pipeline: $*" >&2; exit 1; }

python3 "$(dirname "$0")/synthetic_corpus.py" "$folder/corpus" 8 3
short=(--set corpus="{manifest: $folder/corpus/manifest.tsv}" --set teacher.pretrain.units="{clusters: 8, sample_frames: 500, iterations: 2}")
for stage in teacher.pretrain stage1 stage2; do
  short+=(--set "$stage.steps=4" --set "$stage.validate_every=0" --set "$stage.validation_crops=2" --set "$stage.batch={crops: 2, seconds: 2}")
done
"$program" run configs/pocket-wave.yaml --out "$folder/run" "${short[@]}" --set latency="{points: 10, seconds: 1}" \
  --set tasks.tasks=[] --set search.trials=12 --set search.population=6 --set search.front="{score: [], keep: 2}"

trials=$("$program" study dump --no-times "$folder/run/study.db")
members=$("$program" space sample "$folder/run/stage2/model.safetensors" -n 200)
for gene in 'c=32 ' 'c=64 ' 'c=96 ' 'c=128 ' 'p=20000 ' 'p=30000 ' 'p=40000 ' 'p=60000 ' 'p=90000 '; do
  grep -q "$gene" <<<"$members" || fail "no member has $gene"
done
[ "$(grep -o 'c=[0-9]* ' <<<"$trials" | sort -u | wc -l)" -gt 1 ] || fail "the search tried one channel width only"
[ "$(grep -o 'p=[0-9]* ' <<<"$trials" | sort -u | wc -l)" -gt 1 ] || fail "the search tried one frame period only"
[ -s "$folder/run/sort/model.safetensors" ] || fail "nothing was sorted between the stages"
[ -s "$folder/run/subnet.safetensors" ] || fail "no subnet was extracted"
# A narrow front end of its own, at a frame period the space does not list.
arch="c=48 e=112 p=70000 L=0-1:2x224"
"$program" extract "$folder/run/stage2/model.safetensors" --arch "$arch" --force -o "$folder/odd.safetensors"
"$program" encode "$folder/odd.safetensors" "$folder/corpus/clip0.wav" -o "$folder/odd.npy"
echo "pocket-wave pipeline: passed"

#!/usr/bin/env bash
# An existing run is never lost: it is resumed, for more steps too, or kept next to a fresh one; a warm start takes its
# weights; reports and models contain the settings. Usage: train_again.sh PROGRAM SMOKE_FOLDER
set -euo pipefail
program=$1 smoke=$2
folder=$smoke/again
stage=$folder/stage1
fail() { echo "train_again: $*" >&2; exit 1; }

rm -rf "$folder"
mkdir -p "$folder"
cp -r "$smoke/one/teacher" "$folder"
config=configs/smoke.yaml
train() { "$program" train "$config" --stage 1 --threads 1 --out "$folder" "$@" >/dev/null 2>"$folder/log.txt"; }
goes_on() { train "$@" || fail "$* did not resume: $(tail -1 "$folder/log.txt")"; }
refused() {  # refused WORDS ARGUMENTS...: exit 2 with the words, and no file of the stage has changed
  local status=0 before after
  before=$(find "$stage" -type f -exec sha256sum {} + | sort)
  train "${@:2}" || status=$?
  [ "$status" = 2 ] || fail "${*:2}: exit $status instead of 2: $(tail -1 "$folder/log.txt")"
  grep -q -- "$1" "$folder/log.txt" || fail "no word of $1: $(tail -1 "$folder/log.txt")"
  after=$(find "$stage" -type f -exec sha256sum {} + | sort)
  [ "$before" = "$after" ] || fail "${*:2} changed files of a run that it refused"
}

goes_on --set stage1.steps=10 --set stage1.dtype=fp32
refused "already holds a training run" --set stage1.steps=10
refused "stage1.optimizer.lr was 0.001 and is 0.002" --resume --set stage1.steps=10 --set stage1.optimizer.lr=2e-3
refused "stage1.steps was 10 and is 8" --resume --set stage1.steps=8
goes_on --resume --set stage1.steps=14 --set stage1.validate_every=5
grep -q "resuming from step 10 of 14" "$folder/log.txt" || fail "it did not resume from step 10: $(cat "$folder/log.txt")"
grep -q "dtype: \"Float\"" "$stage/config.yaml" || fail "auto did not go on in fp32"

cp "$stage/model.safetensors" "$folder/first.safetensors"
goes_on --fresh --set stage1.steps=6 --set stage1.optimizer.lr=2e-3
cmp "$folder/first.safetensors" "$folder/stage1.old/model.safetensors" || fail "--fresh did not keep the old folder"

mv "$stage" "$folder/first"
goes_on --set stage1.steps=4 --set "stage1.init_from=$(realpath "$folder/first")" --set stage1.optimizer.lr=1e-4
grep -q "init_from: " "$stage/config.yaml" || fail "config.yaml does not name what a warm start took"
refused "either init or init_from" --resume --set stage1.init=teacher --set stage1.init_from=x

shown=$("$program" model show "$stage/model.safetensors" --json)
[[ $shown == *steps_done*4* ]] || fail "the model does not say how many steps it was trained"
"$program" report "$smoke/one/study.db" -o "$folder/report.html" --metrics "stage 1=$stage/metrics.jsonl" >/dev/null
grep -q "lr: 0.0001" "$folder/report.html" || fail "the report does not say what ran"

# A changed pipeline does not replace a stage that was trained with other settings unless --fresh is given, and keeps its folder.
before=$(sha256sum "$stage/model.safetensors")
status=0
"$program" run configs/smoke.yaml --out "$folder" --stages stage1 --set stage1.steps=5 >/dev/null 2>"$folder/log.txt" || status=$?
[ "$status" = 2 ] || fail "run replaced a run with other settings: exit $status: $(tail -1 "$folder/log.txt")"
grep -q "stage1.optimizer.lr was 0.0001 and is .*--fresh" "$folder/log.txt" || fail "run does not say what differs: $(tail -1 "$folder/log.txt")"
sha256sum --check --status <<<"$before" || fail "run changed the model of a run that it refused"
"$program" run configs/smoke.yaml --out "$folder" --stages stage1 --set stage1.steps=5 --fresh >/dev/null 2>"$folder/log.txt" ||
  fail "run --fresh: $(tail -1 "$folder/log.txt")"
grep -q "is kept as .*stage1.old2" "$folder/log.txt" || fail "run does not say where the old stage is: $(cat "$folder/log.txt")"

# Caches of targets are listed and removed.
goes_on --fresh --set stage1.steps=3 --set stage1.cache.dtype=fp16
goes_on --fresh --set stage1.steps=3 --set stage1.cache.dtype=int8
grep -q "1 older caches of targets take" "$folder/log.txt" || fail "no word of the older cache: $(cat "$folder/log.txt")"
[ "$("$program" targets list "$folder" | wc -l)" = 2 ] || fail "targets list: $("$program" targets list "$folder")"
"$program" targets remove "$folder" | grep -q "not used" || fail "targets remove did not say what it removed"
"$program" targets list "$folder" | grep -q "stage1 " || fail "the cache in use was removed"

# A teacher that is another model now: the run is refused, with the place of its name in the pipeline file; a fresh one makes
# a cache of its own beside the other's.
config=$folder/teachers.yaml
sed "s|space: spaces/|space: $PWD/configs/spaces/|" configs/smoke.yaml >"$config"
echo "teachers: [{name: other, model: other.safetensors}]" >>"$config"
place=$config:$(wc -l <"$config"):33
other=(--set "stage1.objective={top: 1, teachers: [other]}" --set stage1.cache.dtype=fp16 --set stage1.steps=3)
caches() { [ "$("$program" targets list "$folder" | wc -l)" = "$1" ] || fail "not $1 caches: $("$program" targets list "$folder")"; }
caches 1
cp "$smoke/one/stage1/model.safetensors" "$folder/other.safetensors"
goes_on --fresh "${other[@]}"
caches 2
cp "$smoke/one/stage2/model.safetensors" "$folder/other.safetensors"
refused "other settings: inputs.teachers.other ($place) was .* and is .*--fresh" --resume "${other[@]}"
caches 2
goes_on --fresh "${other[@]}"
caches 3
echo "train again: passed"

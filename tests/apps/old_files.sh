#!/usr/bin/env bash
# Files that a program of version 0.1 wrote (tests/files/v0.1) are read as it read them; its stamps hold, and its training
# run and its study are resumed or refused. Usage: old_files.sh PROGRAM
set -euo pipefail
program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "old_files: $*" >&2; exit 1; }

cp -r tests/files/v0.1/. "$work"
cd "$work"
mkdir audio
python3 clips.py audio
same() { diff "expected/$1" "$work/answer" || fail "$1 differs"; }

"$program" study dump run/study.db >answer
same dump.txt
"$program" pareto run/study.db --best >answer
same pareto.txt
"$program" model show run/stage2/model.safetensors --json | grep -v load_ms >answer
same model.json
"$program" extract run/stage2/model.safetensors --study run/study.db --max-params 4k -o subnet.safetensors >answer
sha256sum subnet.safetensors >>answer
same extract.txt
"$program" model sort run/stage2/model.safetensors -o sorted.safetensors --score magnitude >/dev/null || fail "heads cannot be read"
"$program" run pipeline.yaml --out run --dry-run >answer
same plan.txt
for stamp in run/stamps/*; do
  [ "$(basename "$stamp")" != report ] || continue  # it depends on what the study holds, and is made again once
  grep -q "$(cut -c1-16 "$stamp")" answer || fail "the stamp of $(basename "$stamp") is another"
done

refused() {  # refused WORDS ARGUMENTS...
  local status=0
  "$program" "${@:2}" >/dev/null 2>log || status=$?
  [ "$status" = 2 ] || fail "${*:2}: exit $status instead of 2: $(tail -1 log)"
  grep -qF -- "$1" log || fail "no word of $1: $(tail -1 log)"
}
refused "teacher.optimizer.lr was 0.0015 and is 0.002" \
  pretrain pipeline.yaml --out run --resume --set teacher.pretrain.optimizer.lr=2e-3
"$program" pretrain pipeline.yaml --out run --resume --set teacher.pretrain.steps=6 >/dev/null 2>log || fail "$(tail -1 log)"
grep -q "from step 4 of 6" log || fail "the training run did not resume: $(cat log)"
refused "search.population is 6 there and 7 here" search pipeline.yaml --out run --resume --set search.population=7
echo "old files: passed"

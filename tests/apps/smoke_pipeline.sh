#!/usr/bin/env bash
# A whole pipeline on one small package of real clips: it runs, it is skipped when nothing changed, one worker and two give
# the same study, and the extracted file encodes a clip exactly as the supernet does.
# Usage: smoke_pipeline.sh PROGRAM FOLDER      FOLDER is emptied; the clips are kept in data/smoke.
set -euo pipefail
program=$1 folder=$2
here=$(dirname "$0")
one=$folder/one two=$folder/two
rm -rf "$folder"
mkdir -p "$folder"

fail() { echo "smoke_pipeline: $*" >&2; exit 1; }
run() { "$program" run configs/smoke.yaml --out "$@"; }

run "$one" --stages corpus,teacher,stage1,stage2,latency
cp -r "$one" "$two"  # the same supernet and frozen latency model for both searches
run "$one" --set search.workers=1 | tee "$folder/answer.txt"
run "$two" --set search.workers=2 >/dev/null
grep -q "Pareto front" "$folder/answer.txt" || fail "no Pareto table in the output"
for made in study.db subnet.safetensors report.html scores.json config.yaml; do
  [ -s "$one/$made" ] || fail "$made was not made"
done

dump() { "$program" study dump --no-times "$1/study.db"; }
diff <(dump "$one") <(dump "$two") >"$folder/dump.diff" || fail "1 and 2 workers gave different studies: $folder/dump.diff"

run "$one" --set search.workers=1 2>"$folder/again.txt" >/dev/null
[ "$(grep -c 'unchanged, skipped' "$folder/again.txt")" = 8 ] || fail "an unchanged pipeline was not skipped: $folder/again.txt"

status=0
"$program" pareto "$one/study.db" --max-params 1 >/dev/null 2>"$folder/none.txt" || status=$?
[ "$status" = 1 ] || fail "a budget that nothing fits must exit 1, not $status"

clip=$(find data/smoke -name '*.wav' | sort | sed -n 1p)  # not head: it ends sort by SIGPIPE
python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python
has_torch=true
"$python" -c 'import numpy, safetensors, torch' 2>"$folder/no_torch.txt" || has_torch=false
shown() { "$program" model show "$1" --json | python3 -c "import json,sys; print(json.load(sys.stdin)['largest']['$2'])"; }

agree() {  # agree FILE: the extracted file alone, the supernet sliced the same way and plain PyTorch encode alike
  local file=$1
  "$program" encode "$file" "$clip" -o "$folder/alone.npy"
  "$program" encode "$one/stage2/model.safetensors" "$clip" --arch "$(shown "$file" architecture)" -o "$folder/sliced.npy"
  if ! $has_torch; then tail -1 "$folder/no_torch.txt"; return; fi
  for features in alone sliced; do
    "$python" "$here/reference_encoder.py" "$file" "$clip" "$folder/$features.npy" >"$folder/reference.txt" ||
      fail "$features.npy of $file is not what docs/formats.md describes: $(cat "$folder/reference.txt")"
    cat "$folder/reference.txt"
  done
  grep -q "^$(shown "$file" params) parameters" "$folder/reference.txt" || fail "the closed form miscounts $file"
}
agree "$one/subnet.safetensors"
for arch in smallest largest; do  # the smallest has the rate unit
  "$program" extract "$one/stage2/model.safetensors" --arch $arch -o "$folder/$arch.safetensors"
  agree "$folder/$arch.safetensors"
done
echo "smoke pipeline: passed"

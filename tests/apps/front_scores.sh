#!/usr/bin/env bash
# Subnets that a study names have test scores, a measured latency and the prediction's error, or the command that makes them is
# printed; latency budgets state what they hold for.
# Usage: front_scores.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$2/one" "$work/run"
study=$work/run/study.db

fail() { echo "front_scores: $*" >&2; exit 1; }
says() { grep -q -- "$2" "$1" || fail "no '$2' in: $(cat "$1")"; }

for which in --best --knee; do
  "$program" pareto "$study" $which >"$work/named.txt"
  says "$work/named.txt" "on test  distill.l1"
  says "$work/named.txt" "ms measured, .* ms predicted (.* %); .* 1 thread, 2 s of audio, fp32"
  if grep -q missing "$work/named.txt"; then fail "$which names what was not scored: $(cat "$work/named.txt")"; fi
done
"$program" extract "$work/run/stage2/model.safetensors" --max-params 60k -o "$work/s.safetensors" >"$work/cut.txt"
says "$work/cut.txt" "on test  distill.l1"  # a budget of the pipeline

"$program" pareto "$study" --max-latency 1s >"$work/limit.txt"
says "$work/limit.txt" "latency: 1000.00 ms holds for .*, 1 thread, 2 s of audio, fp32"
says "$work/limit.txt" "the model's own held-out error"
"$program" pareto "$study" --max-latency 1s --margin 25 >"$work/limit.txt"
says "$work/limit.txt" "margin 25.0 %, scale"
"$program" pareto "$study" --max-latency 1s --measured --json 2>"$work/limit.txt" | python3 -c '
import json, sys
front = json.load(sys.stdin)
assert front and all(member["time"]["p50_ms"] <= 1000 for member in front), front
assert all(member["time"]["threads"] == 1 and "value" in member["test"]["distill.l1"] for member in front), front'
says "$work/limit.txt" "latency: measured on .*, 1 thread"
for wrong in "--margin=-1 --max-latency=1s" "--margin=5" "--measured" "--margin=5 --measured --max-latency=1s"; do
  status=0
  # shellcheck disable=SC2086
  "$program" pareto "$study" $wrong >/dev/null 2>&1 || status=$?
  [ "$status" = 2 ] || fail "pareto $wrong must exit 2, not $status"
done

# Of a member that was not scored, the output says what is missing and the command that makes it, which works.
read -r params macs key < <("$program" study export "$study" --to json | python3 -c '
import json, sys
trials = [t for t in json.load(sys.stdin) if t["state"] == "complete"]
sizes = [(int(t["values"]["params"]), int(t["values"]["macs"])) for t in trials]
print(*next((*size, t["architecture"]) for size, t in zip(sizes, trials)
            if "latency.p50_ms" not in t["values"] and sizes.count(size) == 1))')
only=(--where "params<=$params" --where "params>=$params" --where "macs<=$macs" --where "macs>=$macs")
looks() { "$program" study dump --json "$study" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["looks"]))'; }
before=$(looks)
[ "$before" -ge 1 ] || fail "the search recorded no evaluation on test"
"$program" pareto "$study" "${only[@]}" --best >"$work/missing.txt"
says "$work/missing.txt" "missing  scores on test and a measured latency: concertina search configs/smoke.yaml --out $work/run --resume --score '$key'"
mkdir "$work/alone" && cp "$study" "$work/alone/study.db"
"$program" pareto "$work/alone/study.db" "${only[@]}" --best >"$work/alone.txt"
says "$work/alone.txt" "missing  scores on test and a measured latency: .concertina eval. and .concertina bench."
"$program" search configs/smoke.yaml --out "$work/run" --resume --score "$key" >"$work/scored.txt" 2>/dev/null
says "$work/scored.txt" "evaluations on test so far: $((before + 1))"
"$program" pareto "$study" "${only[@]}" --best >"$work/now.txt"
says "$work/now.txt" "on test  distill.l1"
"$program" search configs/smoke.yaml --out "$work/run" --resume --score "$key" >/dev/null 2>&1
[ "$(looks)" = "$((before + 1))" ] || fail "what was scored already was scored again"

# Latencies measured after the search leave the model that the search used, and the error that the report quotes, as they are.
frozen() { "$program" report "$study" -o "$work/page.html" >/dev/null && grep -o 'Latency model: [^<]*held-out subnets' "$work/page.html"; }
times() { "$program" latency export "$study" --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'; }
error=$(frozen) points=$(times)
"$program" latency profile "$work/run/stage2/model.safetensors" -o "$study" --points 6 --seconds 1 >/dev/null 2>&1
[ "$(times)" -gt "$points" ] || fail "latency profile measured nothing"
[ "$(frozen)" = "$error" ] || fail "the report's held-out error of the frozen model changed: $error, $(frozen)"

# The report is made again from what was added to the study, once.
for expected in "report: started" "report: unchanged, skipped"; do
  "$program" run configs/smoke.yaml --out "$work/run" --set search.workers=1 >/dev/null 2>"$work/log.txt"
  says "$work/log.txt" "$expected"
  says "$work/log.txt" "search: unchanged, skipped"
done
echo "front scores: passed"

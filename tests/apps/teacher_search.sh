#!/usr/bin/env bash
# A search whose first objective is a score against the teacher: every trial has it, and the front is by it.
# Usage: teacher_search.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "teacher_search: $*" >&2; exit 1; }

cp -r "$2/one/teacher" "$2/one/stage2" "$work"
"$program" search configs/smoke.yaml --out "$work" --workers 1 --set "search.objectives=[teacher.r2, params]" --set search.record=[macs] \
  --set search.population=4 --set search.trials=8 --set "search.front={score: [], keep: 0}" --set "report.budgets=[]" \
  --set "tasks.teacher_layers=[1]" --set tasks.teacher_seconds=5 --set latency.repetitions=2 >"$work/answer.txt" 2>"$work/log.txt" ||
  fail "$(tail -1 "$work/log.txt")"
"$program" study export "$work/study.db" --to json >"$work/trials.json"
"$program" pareto "$work/study.db" --json >"$work/front.json" 2>"$work/notes.txt"
python3 - "$work/trials.json" "$work/front.json" <<'PY' || fail "the study is not by teacher.r2"
import json, sys
trials, front = (json.load(open(path)) for path in sys.argv[1:])
assert len(trials) == 8 and all(trial["state"] == "complete" for trial in trials), trials
for trial in trials:
    assert {"teacher.r2", "params", "macs"} <= trial["values"].keys() and "distill.l1" not in trial["values"], trial
    assert 0 < trial["values"]["teacher.r2"] <= 1, trial
def point(trial): return trial["values"]["teacher.r2"], -trial["values"]["params"]
points = {point(trial) for trial in trials}
assert len({r2 for r2, _ in points}) > 2, points
best = {p for p in points if not any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in points)}
assert {point(trial) for trial in front} == best and len(best) > 1, (sorted(best), sorted(map(point, front)))
assert point(front[0]) == max(best), "the first is not the best by teacher.r2"
assert "teacher.r2" in front[0]["test"], front[0]
PY
echo "teacher search: passed"

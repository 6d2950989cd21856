#!/usr/bin/env bash
# With --json every verb prints its results as JSON, and nothing else on stdout; extract rejects a study of another model;
# verbs name the files they write.
# Usage: json_answers.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1 one=$2/one
model=$one/stage2/model.safetensors study=$one/study.db
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

json() {  # json PYTHON_CONDITION ARGUMENTS...: stdout is JSON; the condition holds of `x`, what was read
  local condition=$1
  shift
  if ! "$program" "$@" --json --quiet >"$work/stdout" 2>"$work/stderr" ||
    ! python3 -c 'import json, sys; x = json.load(open(sys.argv[1])); assert eval("(" + sys.argv[2] + ")"), x' "$work/stdout" "$condition" 2>>"$work/stderr"; then
    printf 'FAILED: concertina %s --json\n' "$*"
    tail -3 "$work/stderr" | cut -c1-300 | sed 's/^/  | /'
    failures=$((failures + 1))
  fi
}

clip=$(find data/smoke -name '*.wav' | sort | sed -n 1p)
json 'len(x["trials"]) == 12 and "wall_s" in x["trials"][0]' study dump "$study"
json '"wall_s" not in x["trials"][0] and "artefacts" not in x' study dump --no-times "$study"
json 'len(x) == 12 and x[0]["values"]["params"] > 0' study export "$study"
json 'x["trials"] == 12 and x["format"] == "csv"' study export "$study" -o "$work/trials.csv"
[ "$(wc -l <"$work/trials.csv")" = 13 ] || { echo "FAILED: the exported table does not have 12 trials"; failures=$((failures + 1)); }
json 'len(x) >= 1' pareto "$study"
json 'len(x) == 1' pareto "$study" --knee
json 'x["file"].endswith("page.html") and x["trials"] == 12 and x["bytes"] > 1000' report "$study" -o "$work/page.html"
json 'x["subnets"] == 10 and x["fastest_p50_ms"] > 0' latency profile "$model" -o "$work/times.db" --points 10 --seconds 1
json 'len(x) == 10' latency export "$work/times.db"
json 'len(x["sha256"]) == 64' latency fit "$work/times.db"
json 'x["latency.pred_ms"] > 0' latency predict "$study" --arch smallest
json 'len(x["sha256"]) == 64 and x["whole"] == x["largest"]' model show "$model"
json 'x["largest"]["macs_10s"] > x["smallest"]["macs_10s"]' space show "$model"
json 'x["params"] > 0' space profile "$model" --arch largest
json 'len(x) == 3' space sample "$model" -n 3
json 'len(x) >= 6 and all(abs(s["params"] - x[0]["params"]) <= 0.07 * x[0]["params"] for s in x)' space shapes configs/spaces/pocket-deep.yaml
json 'sorted(row["dropped"] for row in x["layers"]) == [1, 2] and x["sets"]["2"] == [0, 1] and x["frames"] > 0' \
  space contribution "$model" --data data/smoke/manifest.tsv --clips 3 -o "$work/space.yaml"
json 'x["space"].endswith("space.yaml")' space show "$work/space.yaml"
json 'x["bytes"] > 0' extract "$model" --study "$study" --max-params 10M -o "$work/subnet.safetensors"
json 'x["architecture"]' model export "$model" --arch smallest --format concertina -o "$work/again.safetensors"
json 'x[0]["shape"][0] > 1' encode "$work/subnet.safetensors" "$clip" -o "$work/features.npy"
json 'x["p50_ms"] > 0' bench "$work/subnet.safetensors" --seconds 1 --repetitions 3
printf 'smallest\n\nlargest\n' >"$work/archs"
json 'len(x["models"]) == 4 and x["models"][2]["name"] == x["models"][0]["name"] + " random" and
  {"teacher.r2", "teacher.cka", "teacher.loyalty_label", "rankme"} <= {s["metric"] for s in x["models"][3]["scores"]} and
  all("hits" not in s or len(s["hits"]) == len(s["totals"]) for s in x["models"][0]["scores"])' \
  eval "$model" --data data/smoke/manifest.tsv --archs "$work/archs" --beside random --tasks pr,ks,sid,asv --trained --clips \
  --teacher "$one/teacher/model.safetensors" --set tasks.teacher_seconds=5 --set tasks.teacher_layers=[1] -o "$work/scores.json"
json 'all(0 < row["p"] <= 1 and row["low"] <= row["difference"] <= row["high"] and row["clips"] > 1 for row in x) and
  len({row["second"] for row in x}) == 3 and {"teacher.r2", "teacher.loyalty_prob"} <= {row["metric"] for row in x}' scores compare "$work/scores.json"
printf 'model\tPR\tKS\nm\t5.41\t96.3\n' >"$work/superb.tsv"
json 'x[0]["tasks"] == 2 and x[0]["overall"] is None and 900 < x[0]["superb_s"] < 1000' scores superb "$work/superb.tsv"
awk -F'\t' 'BEGIN { OFS = FS; print "id", "split", "keyword" }
  NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "split") split_at = i; next }
  $split_at == "train" && a++ < 12 || $split_at == "test" && b++ < 6 { print $1, $split_at, n++ % 2 ? "yes" : "no" }' data/smoke/manifest.tsv >"$work/ks.tsv"
json '[m["name"] for m in x["models"]][1:] == ["teacher", "mfcc", "fbank", "random"] and x["tasks"][0]["content"] == "2 keywords" and
  x["tasks"][0]["scored_clips"] == 6 and {"ks.acc_matched", "teacher.r2"} <= {s["metric"] for s in x["models"][4]["scores"]}' \
  eval "$model" --data data/smoke/manifest.tsv --tasks ks --set "tasks.data={ks: $work/ks.tsv}" --set tasks.probe_width=8 \
  --teacher "$one/teacher/model.safetensors" --set tasks.teacher_seconds=5 --html "$work/scores.html"
grep -q "</html>" "$work/scores.html" || { echo "FAILED: eval --html writes no page"; failures=$((failures + 1)); }
json '[(row["target"], row["source"]) for row in x["rows"]] == [("smallest", s) for s in ("clean", "gaussian", "smallest")] and
  x["rows"][2]["deviation"] > x["rows"][1]["deviation"]' \
  attack "$model" --arch smallest --data data/smoke/manifest.tsv --tasks ks --set "tasks.data={ks: $work/ks.tsv}" --steps 3
# Deep versus wide of two subnets, as if their parameters were equal: the smoke space has no such pair.
"$program" eval "$model" --data data/smoke/manifest.tsv --archs "$work/archs" --tasks ks --set "tasks.data={ks: $work/ks.tsv}" \
  --clips -o "$work/unequal.json" --quiet >"$work/stdout" 2>"$work/stderr"
python3 -c 'import json, sys
table = json.load(open(sys.argv[1]))
for model in table["models"]: model["params"] = 50000
json.dump(table, open(sys.argv[2], "w"))' "$work/unequal.json" "$work/shapes.json"
json 'x["depth_width"]["shapes"] == 2 and "2 shapes, fewer than 6" in x["depth_width"]["note"] and x["depth_width"]["params"] == 50000 and
  [(p["depth"], p["width"]) for p in x["depth_width"]["panels"][0]["points"]] == [(1, 32), (2, 64)] and
  x["depth_width"]["panels"][0]["group"] == "content" and x["depth_width"]["panels"][0]["points"][1]["difference_low"] is not None' \
  report "$study" --depth-width "$work/shapes.json" -o "$work/shapes.html"
grep -q "depth-width: 2 shapes, fewer than 6" "$work/stderr" || { echo "FAILED: report does not say that two shapes are few"; failures=$((failures + 1)); }
grep -q "over clips. 2 shapes, fewer than 6" "$work/shapes.html" || { echo "FAILED: the page does not say that two shapes are few"; failures=$((failures + 1)); }
json 'x["clips"] > 0' corpus show data/smoke/manifest.tsv

# Clips for a budget of audio: all of train, within it, and those of half of it among them; a stage reads the list.
for by in random k_centre; do
  for minutes in 1 2; do
    json "x['by'] == '$by' and x['clips'] > 2 and 0 < x['minutes'] <= $minutes" corpus select data/smoke/manifest.tsv --minutes $minutes --by $by \
      --model "$model" --arch smallest -o "$work/$by-$minutes.tsv"
  done
  python3 - "$work/$by-1.tsv" "$work/$by-2.tsv" data/smoke/manifest.tsv <<'PY' || { echo "FAILED: the clips of corpus select --by $by"; failures=$((failures + 1)); }
import csv, sys
fewer, more, corpus = (list(csv.DictReader(open(path), delimiter="\t", quoting=csv.QUOTE_NONE)) for path in sys.argv[1:4])
train = {clip["id"] for clip in corpus if clip["split"] == "train"}
a, b = ([clip["id"] for clip in clips] for clips in (fewer, more))
assert len(set(b)) == len(b) and len(a) < len(b) and set(a) < set(b) <= train, (a, b)
PY
done

# A subnet with the head layer that was trained on top of it: a model that is one layer deeper.
mkdir "$work/head" && cp -r "$one/teacher" "$work/head"
json 'x["model"].endswith("stage1/model.safetensors")' \
  train configs/smoke.yaml --stage 1 --out "$work/head" --set stage1.objective.head_layer=true --set stage1.steps=2 --set "stage1.clips=$work/random-1.tsv"
json 'x["architecture"].endswith(" L=0-1:1x128")' extract "$work/head/stage1/model.safetensors" --arch largest -o "$work/body.safetensors"
json 'x["architecture"].endswith(" L=0-2:1x128")' extract "$work/head/stage1/model.safetensors" --arch largest --head teacher -o "$work/whole.safetensors"
python3 - "$work/head/stage1/objective.safetensors" "$work/body.safetensors" "$work/whole.safetensors" <<'PY' || { echo "FAILED: the model of extract --head"; failures=$((failures + 1)); }
import json, struct, sys
def tensors(path):
    data = open(path, "rb").read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    return {name: data[start + t["data_offsets"][0] : start + t["data_offsets"][1]] for name, t in header.items() if name != "__metadata__"}
heads, body, whole = map(tensors, sys.argv[1:])
layer = {name.replace("objective.layer.", "encoder.layers.2."): value for name, value in heads.items() if name.startswith("objective.layer.")}
assert len(layer) == 16 and whole == {**body, **layer}, (sorted(layer), sorted(whole))
PY
json 'x[0]["shape"][0] > 1' encode "$work/whole.safetensors" "$clip" -o "$work/whole.npy"
json 'all(row["state"] == "up to date" for row in x)' run configs/smoke.yaml --out "$one" --set search.workers=1 --dry-run
json 'len(x["front"]) >= 1 and len(x["budgets"]) == 2 and x["subnet"].endswith("subnet.safetensors")' run configs/smoke.yaml --out "$one" --set search.workers=1

# A study records its model.
"$program" extract "$one/subnet.safetensors" --study "$study" --max-params 10M --force -o "$work/forced.safetensors" >"$work/stdout" 2>"$work/stderr" || true
grep -q "is not the model of $study" "$work/stderr" || { echo "FAILED: --force does not warn of another model"; failures=$((failures + 1)); }

# Metrics in the help of pareto exist: a misspelt one is answered with the list of all.
"$program" search configs/smoke.yaml --out "$one" --set "search.front.score=[none]" >"$work/stdout" 2>"$work/known" || true
for metric in $("$program" pareto --help | grep -oE "'(test\.)?[a-z0-9]+\.[a-z0-9_]+[<>=]" | tr -d "'<>=" | sed 's/^test\.//'); do
  grep -q "metrics are .*\b$metric\b" "$work/known" || { echo "FAILED: pareto --help names $metric"; failures=$((failures + 1)); }
done

[ "$failures" = 0 ] && echo "json answers: passed"
exit "$((failures > 0))"

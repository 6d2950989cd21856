#!/usr/bin/env bash
# Problems of a pipeline file are found before the first stage, by --dry-run too: all at once, each with its place and
# the nearest name. Usage: config_checks.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh, which has fetched data/smoke)
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

cat >"$work/wrong.yaml" <<YAML
corpus: {tier: smoke, root: $PWD/data/smoke}
space: $PWD/configs/spaces/tiny.yaml
teacher:
  pretrain:
    layers: [1, 9]
    batch:
      sources: {asterisk-core: 1, asterix: 2}
stage1:
  objective: {top: 40}
stage2:
  objective: {top: 2}
  batch: {sources: {festvox: 1}}
search:
  objectives: [distil.l1, params, params, sid.acc]
  record:
    - macs
    - pr.frame_ac
  front: {score: [asv.er]}
YAML

refuse() {  # refuse ARGUMENTS...: exit 2, nothing written; the messages are in $work/stderr
  local status=0
  "$program" "$@" --out "$work/run" >"$work/stdout" 2>"$work/stderr" || status=$?
  [ "$status" = 2 ] || { echo "FAILED: concertina $*: exit $status instead of 2"; failures=$((failures + 1)); }
  [ ! -e "$work/run" ] || { echo "FAILED: concertina $* created a workspace"; failures=$((failures + 1)); }
}
said() {
  grep -qF -- "$1" "$work/stderr" || { echo "FAILED: nothing says: $1"; cat "$work/stderr"; failures=$((failures + 1)); }
}

for flags in "--dry-run" ""; do
  # shellcheck disable=SC2086
  refuse run "$work/wrong.yaml" $flags
  said "wrong.yaml:5:17: teacher.pretrain.layers.1: the teacher has"
  said "wrong.yaml:7:44: teacher.pretrain.batch.sources.asterix: no source of the corpus starts with it"
  said "wrong.yaml:9:20: stage1.objective.top: the teacher has"
  said "wrong.yaml:12:30: stage2.batch.sources.festvox: no source of the corpus starts with it"
  said "wrong.yaml:14:16: search.objectives.0: unknown metric 'distil.l1' (did you mean 'distill.l1'?)"
  said "wrong.yaml:14:35: search.objectives.2: 'params' is a duplicate"
  said "wrong.yaml:14:43: search.objectives.3: the corpus has no data for sid.acc"
  said "wrong.yaml:17:7: search.record.1: unknown metric 'pr.frame_ac' (did you mean 'pr.frame_acc'?)"
  said "wrong.yaml:18:19: search.front.score.0: unknown metric 'asv.er' (did you mean 'asv.eer'?)"
  [ "$(grep -c 'wrong.yaml:[0-9]' "$work/stderr")" = 9 ] || { echo "FAILED: 9 problems were expected"; cat "$work/stderr"; failures=$((failures + 1)); }
done

sed -e "s|root: .*data/smoke|root: $work/none|" "$work/wrong.yaml" >"$work/tier.yaml"  # no corpus yet
refuse run "$work/tier.yaml" --dry-run
said "tier.yaml:7:44: teacher.pretrain.batch.sources.asterix: no source"
[ "$(grep -c 'tier.yaml:[0-9]' "$work/stderr")" = 8 ] || { echo "FAILED: 8 problems were expected"; cat "$work/stderr"; failures=$((failures + 1)); }

# What an objective needs of its teacher and of the student.
cat >"$work/objectives.yaml" <<YAML
corpus: {tier: smoke, root: $PWD/data/smoke}
space: $PWD/configs/spaces/tiny.yaml
teacher: {model: $(realpath "$2/one/stage1/model.safetensors")}
stage1:
  objective: {kind: logits}
stage2:
  objective:
    kind: masked_units
  units: {features: mfcc, clusters: 4}
  mask: {probability: 0.4}
  sampler: {kind: sandwich, in_place: true}
YAML
refuse run "$work/objectives.yaml" --dry-run
said "objectives.yaml:5:21: stage1.objective.kind: needs the teacher's logits, but its file has no unit head"
said "objectives.yaml:11:39: stage2.sampler.in_place: expected an objective with rows of the student that smaller subnets could learn from"
[ "$(grep -c 'objectives.yaml:[0-9]' "$work/stderr")" = 2 ] || { echo "FAILED: 2 problems were expected"; cat "$work/stderr"; failures=$((failures + 1)); }

[ "$failures" = 0 ] && echo "config checks: passed"
exit "$((failures > 0))"

#!/usr/bin/env bash
# Every pipeline of configs/ is valid, and quickstart-pr.yaml has exactly the training stages of quickstart.yaml.
# Usage: configs.sh PROGRAM
set -euo pipefail
program=$1
dry_run() { "$program" run "$1" --dry-run --out /nonexistent "${@:2}"; }
for config in configs/*.yaml configs/methods/*.yaml; do
  case $config in configs/hubert-base.yaml | configs/reference-gpu.yaml) ;; *) dry_run "$config" ;; esac
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
touch "$folder/model.safetensors"  # stands for the run that configs/reference.yaml makes
dry_run configs/reference-gpu.yaml --set stage2.init_from="$folder"
manifest=$folder/manifest.tsv
printf 'id\tpath\tsamples\tspeaker\tlanguage\ttext\tphones\tsource\tgroup\tsplit\na\ta.wav\t16000\t\t\t\t\ts\ta\ttrain\n' >"$manifest"
for config in configs/lighthubert/*.yaml; do  # their data and teacher are the user's
  dry_run "$config" --set corpus.manifest="$manifest" --set teacher.model="$PWD/$config"
done
dry_run configs/hubert-base.yaml --set corpus.manifest="$manifest"
training() { dry_run "$1" --stages corpus,teacher,stage1,stage2; }
diff <(training configs/quickstart.yaml) <(training configs/quickstart-pr.yaml)

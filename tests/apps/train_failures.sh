#!/usr/bin/env bash
# What stops a training run: a full disk (exit 3) and a non-finite loss (exit 4). Either leaves the last good checkpoint,
# from which --resume continues. Usage: train_failures.sh PROGRAM SMOKE_FOLDER
set -euo pipefail
program=$1 smoke=$2
folder=$smoke/failures
fail() { echo "train_failures: $*" >&2; exit 1; }
mounted=false
cleanup() { if $mounted; then umount "$folder/small" || true; fi; }
trap cleanup EXIT

rm -rf "$folder"
mkdir -p "$folder/small" "$folder/limited" "$folder/bad"
train() {  # train OUT ARGUMENTS...
  "$program" train configs/smoke.yaml --stage 1 --threads 1 --out "$1" --set stage1.checkpoint.minutes=1e-6 \
    --set stage1.checkpoint.best=false "${@:2}" >/dev/null 2>"$folder/log.txt"
}
stopped() {  # stopped STATUS OUT ARGUMENTS...: exits so, and leaves a checkpoint that was there before
  local wanted=$1 out=$2 status=0
  train "$out" "${@:3}" || status=$?
  [ "$status" = "$wanted" ] || fail "exit $status instead of $wanted: $(tail -2 "$folder/log.txt")"
  compgen -G "$out/stage1/checkpoint/step-*.safetensors" >/dev/null || fail "no checkpoint is left in $out"
  [ -z "$(find "$out" -name '.*.tmp')" ] || fail "a half-written file is left: $(find "$out" -name '.*.tmp')"
}
disk_full() {  # disk_full OUT: the last checkpoint stays as it was, byte for byte
  local sum
  train "$1" --max-minutes 0.0001
  sum=$(sha256sum "$1"/stage1/checkpoint/step-*.safetensors)
  "${@:2}"
  sha256sum --check --status <<<"$sum" || fail "the checkpoint changed when the next one did not fit"
  grep -q "cannot write .*step-" "$folder/log.txt" || fail "the error does not name the file: $(tail -1 "$folder/log.txt")"
}

cp -r "$smoke/one/teacher" "$folder/limited"
within_limit() {  # files above 100 kB cannot be written; ulimit counts kilobytes
  (ulimit -f 100; stopped 3 "$folder/limited" --resume)
}
disk_full "$folder/limited" within_limit
train "$folder/limited" --resume || fail "it does not go on: $(tail -1 "$folder/log.txt")"

if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64m tmpfs "$folder/small" 2>/dev/null; then
  mounted=true
  cp -r "$smoke/one/teacher" "$folder/small"
  on_full_disk() {
    dd if=/dev/zero of="$folder/small/filler" bs=64k status=none 2>/dev/null || true
    truncate -s -64k "$folder/small/filler"  # room for the small files, not for a checkpoint
    stopped 3 "$folder/small" --resume
  }
  disk_full "$folder/small" on_full_disk
  grep -q "No space left" "$folder/log.txt" || fail "the error does not say why: $(tail -1 "$folder/log.txt")"
  rm "$folder/small/filler"
  train "$folder/small" --resume || fail "it does not go on: $(tail -1 "$folder/log.txt")"
  cmp "$folder/small/stage1/model.safetensors" "$folder/limited/stage1/model.safetensors"
else
  echo "train_failures: no tmpfs can be mounted here: only the file size limit was tried"
fi

cp -r "$smoke/one/teacher" "$folder/bad"
stopped 4 "$folder/bad" --set stage1.optimizer.lr=1e25 --set stage1.optimizer.clip=0 --set stage1.steps=60
grep -qE "skipped: (loss|gradient)" "$folder/log.txt" || fail "no line about a skipped step"
grep -q "is saved in .*bad/stage1/checkpoint" "$folder/log.txt" || fail "the state was not saved: $(tail -2 "$folder/log.txt")"
grep -q "a larger optimizer.guard" "$folder/log.txt" || fail "no word on the guard: $(tail -1 "$folder/log.txt")"
echo "train failures: passed"

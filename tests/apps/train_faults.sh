#!/usr/bin/env bash
# Training and caching are stopped at random moments, by kill -9, SIGTERM, a disk that is full from some write on and an
# I/O error of one write, and resume: each time with one clear error, at the end with the bytes of an uninterrupted run.
# Usage: train_faults.sh PROGRAM SMOKE_FOLDER SHIM MOMENTS [SEED]        SHIM: fail_shim as a shared library
set -euo pipefail
program=$1 smoke=$2 shim=$3 moments=$4 seed=${5:-$$}
folder=$(realpath -m "$smoke/faults-$moments")
fail() { echo "train_faults (seed $seed): $*" >&2; exit 1; }
RANDOM=$seed

rm -rf "$folder"
begin() { rm -rf "${folder:?}/$1"; mkdir -p "$folder/$1"; cp -r "$smoke/one/teacher" "$folder/$1"; }
train() {  # train RUN ARGUMENTS...: replaces the shell
  exec "$program" train configs/smoke.yaml --stage 1 --threads 1 --out "$folder/$1" --set stage1.steps=40 \
    --set stage1.validate_every=7 --set stage1.checkpoint.minutes=1e-3 --set stage1.cache.dtype=fp16 "${@:2}" \
    >/dev/null 2>"$folder/$1.log"
}
faulty() {  # faulty RUN AT TIMES ERRNO: the same with a system that refuses
  export FAIL_UNDER=$folder/$1/stage1 FAIL_AT=$2 FAIL_TIMES=$3 FAIL_ERRNO=$4 LD_PRELOAD=$shim
  [ $((RANDOM % 4)) != 0 ] || export FAIL_UNDER=$folder/$1/targets
  train "$1" --resume
}
same() {  # same: the run that was stopped ended as the one that was left alone
  for file in model.safetensors objective.safetensors best/model.safetensors best/objective.safetensors \
    checkpoint/step-000000040.safetensors; do
    cmp "$folder/whole/stage1/$file" "$folder/stopped/stage1/$file" || fail "$file differs from that of the run left alone"
  done
  [ "$(grep -c '"validation"' "$folder/stopped/stage1/metrics.jsonl")" = 6 ] || fail "a validation is missing or there twice"
  [ -z "$(find "$folder/stopped" -name '.*.tmp')" ] || fail "half-written files: $(find "$folder/stopped" -name '.*.tmp')"
}

begin whole
(export FAIL_UNDER=$folder/whole/stage1 FAIL_COUNT=$folder/writes LD_PRELOAD=$shim; train whole) ||
  fail "$(tail -1 "$folder/whole.log")"
writes=$(cat "$folder/writes")
[ "$writes" -gt 60 ] || fail "the shim saw $writes writes only"

finished=0 refused=0
begin stopped
for ((i = 1; i <= moments; ++i)); do
  status=0 wanted=""
  case $((i % 4)) in
    0|1)  # a signal while it starts, makes the cache or trains
      signal=KILL wanted=137
      [ $((i % 4)) = 0 ] || { signal=TERM wanted=143; }
      train stopped --resume &
      pid=$!
      printf -v moment '%d.%03d' $((RANDOM % 2)) $((RANDOM % 1000))
      sleep "$moment"
      kill "-$signal" $pid 2>/dev/null || true
      wait $pid 2>/dev/null || status=$?
      [ $signal = KILL ] || [ $status != 137 ] || fail "SIGTERM did not end it with 143" ;;
    2) (faulty stopped $((RANDOM % writes + 1)) 1000000 28) || status=$? wanted=3 ;;  # full from here on
    3) (faulty stopped $((RANDOM % writes + 1)) 1 5) || status=$? wanted=3 ;;
  esac
  if [ $status = 0 ]; then
    same
    finished=$((finished + 1))
    begin stopped
    continue
  fi
  [ $status = "$wanted" ] || fail "moment $i: exit $status instead of $wanted: $(tail -2 "$folder/stopped.log")"
  if [ $status = 3 ]; then
    refused=$((refused + 1))
    grep -qE "^concertina: .*(No space left|Input/output error)" "$folder/stopped.log" ||
      fail "the error does not say why: $(tail -1 "$folder/stopped.log")"
  fi
done
(train stopped --resume) || fail "$(tail -1 "$folder/stopped.log")"
same
echo "train faults: well, $moments moments, $refused refused by the system, $((finished + 1)) runs to the end (seed $seed)"

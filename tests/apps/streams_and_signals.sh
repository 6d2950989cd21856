#!/usr/bin/env bash
# Output that cannot be written is exit 3 in every verb, and every verb ends soon after a signal.
# Usage: streams_and_signals.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1
model=$2/one/subnet.safetensors supernet=$2/one/stage2/model.safetensors study=$2/one/study.db
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
failed() { echo "FAILED: $*"; failures=$((failures + 1)); }

refuses() {  # refuses ARGUMENTS...: standard output is full, then closed
  local status=0
  "$program" "$@" >/dev/full 2>"$work/stderr" || status=$?
  [ "$status" = 3 ] && grep -q "^concertina: standard output cannot be written" "$work/stderr" ||
    failed "concertina $* >/dev/full: exit $status, $(cat "$work/stderr")"
}
refuses --help
refuses study export "$study"
refuses study dump "$study"
refuses pareto "$study"
refuses model show "$model"
refuses corpus show data/smoke/manifest.tsv
refuses latency export "$study"
refuses space show configs/spaces/tiny.yaml --json
refuses bench "$model" --seconds 0.2 --repetitions 1
cp "$study" "$work/s.db"
for stream in '>&-' '2>&-' '>&- 2>&- <&-'; do  # nothing that is printed ends in a file that was opened
  status=0
  eval "'$program' extract '$supernet' --arch smallest -o '$work/small.safetensors' --quiet $stream" || status=$?
  [ "$stream" = '2>&-' ] || [ "$status" = 3 ] || failed "extract $stream: exit $status"
  "$program" model show "$work/small.safetensors" >"$work/stdout" || failed "extract $stream damaged its result"
  rm -f "$work/small.safetensors"
done

ends() {  # ends SIGNAL CODE ARGUMENTS...: within two seconds of the signal, and some for a busy machine
  local signal=$1 code=$2 status=0 began
  shift 2
  (ulimit -v 8000000; exec "$program" "$@") >/dev/null 2>"$work/stderr" &
  local pid=$!
  for _ in $(seq 100); do  # until its handlers are there
    grep -q "^SigCgt:.*6..2$" /proc/$pid/status 2>/dev/null && break
    sleep 0.1
  done
  sleep 0.5
  began=$(date +%s%N)
  kill -"$signal" $pid 2>/dev/null || failed "concertina $* had ended: $(cat "$work/stderr")"
  (sleep 6; kill -9 $pid) 2>/dev/null &
  local guard=$!
  wait $pid || status=$?
  kill $guard 2>/dev/null || true
  echo "$((($(date +%s%N) - began) / 1000000)) ms: $*" | cut -c1-100
  [ "$status" = "$code" ] || failed "concertina $*: exit $status instead of $code within 6 s: $(cat "$work/stderr")"
}
mkfifo "$work/fifo"
python3 - "$work/long.wav" <<'PY'
import sys, wave
with wave.open(sys.argv[1], "wb") as f:
    f.setnchannels(1), f.setsampwidth(2), f.setframerate(16000)
    f.writeframes(bytes(2 * 16000 * 3600))
PY
ends TERM 143 latency profile "$supernet" -o "$work/times.db" --points 100000 --seconds 30 --quiet
ends INT 130 space sample configs/spaces/tiny.yaml -n 1000000000
ends TERM 143 model show "$work/fifo"
ends INT 130 corpus show "$work/fifo"
ends TERM 143 encode "$supernet" "$work/long.wav" -o "$work/long.npy" --arch largest
[ ! -e "$work/long.npy" ] || failed "half a result was left"
[ "$failures" = 0 ] && echo "streams and signals: passed"
exit "$((failures > 0))"

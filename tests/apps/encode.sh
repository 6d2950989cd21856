#!/usr/bin/env bash
# What `encode` accepts and offers: any rate and channel count, several files in one batch, both conventions of
# state 0, and the kinds of padding.
# Usage: encode.sh PROGRAM SMOKE_FOLDER (made by smoke_line.sh)
set -euo pipefail
program=$1
model=$2/one/subnet.safetensors
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "encode: $*" >&2; exit 1; }

python3 - "$work" <<'PY'
import math, struct, sys, wave
def tone(path, seconds, rate, channels):
    with wave.open(path, "wb") as f:
        f.setnchannels(channels), f.setsampwidth(2), f.setframerate(rate)
        for i in range(int(seconds * rate)):
            value = 8000 * math.sin(1400 * i / rate) * (1 + math.sin(20 * i / rate)) / 2
            f.writeframesraw(struct.pack("<%dh" % channels, *([int(value)] * channels)))
folder = sys.argv[1]
tone(folder + "/wide.wav", 1, 96000, 3)
tone(folder + "/long.wav", 1, 16000, 1)
tone(folder + "/short.wav", 0.4, 16000, 1)
PY
mkdir "$work/other"
cp "$work/short.wav" "$work/other/short.wav"

near() {  # near A.npy B.npy FIRST_STATE BOUND: their largest difference from that state on
  python3 - "$@" <<'PY'
import ast, struct, sys
def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<H", data[8:10])[0]
    shape = ast.literal_eval(data[10:10 + size].decode())["shape"]
    values = struct.unpack("<%df" % ((len(data) - 10 - size) // 4), data[10 + size:])
    return shape, values
(shape, a), (other, b) = read(sys.argv[1]), read(sys.argv[2])
first = int(sys.argv[3]) * shape[1] * shape[2]
sys.exit(0 if shape == other and max(abs(x - y) for x, y in zip(a[first:], b[first:])) <= float(sys.argv[4]) else 1)
PY
}

"$program" encode "$model" "$work/wide.wav" -o "$work/wide.npy" 2>"$work/log"
grep -q "wide.wav: 3 channels at 96000 Hz, mixed to one and resampled to 16000 Hz" "$work/log" || fail "nothing said of mixing: $(cat "$work/log")"
"$program" encode "$model" "$work/long.wav" -o "$work/long.npy" 2>"$work/log"
! grep -q "channel" "$work/log" || fail "a 16 kHz mono file needs no word"
near "$work/wide.npy" "$work/long.npy" 0 0.5 || fail "the mixed and resampled tone is another tone"

"$program" encode "$model" "$work/short.wav" -o "$work/alone.npy"
"$program" encode "$model" "$work/long.wav" "$work/short.wav" -o "$work/batch" --batch 2
near "$work/batch/short.npy" "$work/alone.npy" 0 2e-5 || fail "padding: exact, but the batch is not its members"
for padding in original original-hf unmasked; do
  "$program" encode "$model" "$work/long.wav" "$work/short.wav" -o "$work/$padding" --batch 2 --padding $padding
  near "$work/$padding/long.npy" "$work/long.npy" 0 2e-5 || fail "$padding changes the longest file"
done
! near "$work/unmasked/short.npy" "$work/alone.npy" 0 2e-5 || fail "unmasked padding changes nothing"

"$program" encode "$model" "$work/short.wav" -o "$work/before.npy" --state0 lighthubert
near "$work/before.npy" "$work/alone.npy" 1 0 || fail "--state0 changes more than state 0"
! near "$work/before.npy" "$work/alone.npy" 0 1e-3 || fail "--state0 changes nothing"

if "$program" encode "$model" "$work/short.wav" "$work/other/short.wav" -o "$work/twice" 2>"$work/log"; then
  fail "two files of one name overwrote each other"
fi
grep -q "would both become" "$work/log" || fail "$(cat "$work/log")"
echo "encode: well"

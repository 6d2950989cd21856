#!/usr/bin/env bash
# What `encode` accepts and offers: any rate and channel count, several files in one batch, both conventions of
# state 0, the kinds of padding, windows for long audio, several files of which some are invalid, and bf16.
# Usage: encode.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1
model=$2/one/subnet.safetensors
supernet=$2/one/stage2/model.safetensors
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
tone(folder + "/tiny.wav", 0.001, 16000, 1)
tone(folder + "/minutes.wav", 130, 16000, 1)
tone(folder + "/seconds.wav", 9, 16000, 1)
open(folder + "/broken.wav", "w").write("no audio")
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

# Windows: logged in a line, the frames of one piece, nearly its values.
"$program" encode "$model" "$work/minutes.wav" -o "$work/windows.npy" --json >"$work/rows" 2>"$work/log"
grep -q "2m10s of audio in 5 windows of 30 s that share 2 s" "$work/log" || fail "windows are not said: $(cat "$work/log")"
grep -q '"windows": 5' "$work/rows" || fail "windows are not in --json: $(cat "$work/rows")"
"$program" encode "$model" "$work/minutes.wav" -o "$work/piece.npy" --window none 2>"$work/log"
! grep -q "windows" "$work/log" || fail "--window none makes windows"
near "$work/windows.npy" "$work/piece.npy" 0 0.5 || fail "windows change the frames, or much of them"
! near "$work/windows.npy" "$work/piece.npy" 0 0 || fail "windows change nothing: were there any?"
for frames in native 20ms; do
  for arch in smallest largest; do
    flags=(--arch $arch --frames $frames --layers last)
    "$program" encode "$supernet" "$work/seconds.wav" -o "$work/windows.npy" --window 2s --overlap 0.5s "${flags[@]}" 2>/dev/null
    "$program" encode "$supernet" "$work/seconds.wav" -o "$work/piece.npy" --window none "${flags[@]}"
    near "$work/windows.npy" "$work/piece.npy" 0 1000 || fail "$arch, $frames: other frames than in one piece"
  done
done
python3 tests/apps/random_wavlm.py "$work/wavlm"
echo '{"do_normalize": true}' >"$work/wavlm/preprocessor_config.json"
"$program" model import "$work/wavlm" -o "$work/wavlm.safetensors" >/dev/null
python3 - "$work" <<'PY'
import math, random, struct, sys, wave
draw = random.Random(1)
with wave.open(sys.argv[1] + "/uneven.wav", "wb") as f:  # quiet, then loud, with an offset
    f.setnchannels(1), f.setsampwidth(2), f.setframerate(16000)
    f.writeframesraw(struct.pack("<48000h", *(int(700 + (200 if i < 24000 else 6000) * draw.gauss(0, 1)) for i in range(48000))))
PY
"$program" encode "$work/wavlm.safetensors" "$work/uneven.wav" -o "$work/windows.npy" --window 1s --overlap 0.4s --layers 0 2>/dev/null
"$program" encode "$work/wavlm.safetensors" "$work/uneven.wav" -o "$work/piece.npy" --layers 0
near "$work/windows.npy" "$work/piece.npy" 0 1000 || fail "a waveform model has other frames in windows"
if "$program" encode "$model" "$work/long.wav" -o "$work/x.npy" --window 3s --overlap 2s 2>"$work/log"; then fail "overlap above half"; fi
grep -q "cannot share 2 s" "$work/log" || fail "$(cat "$work/log")"

# Several files: the invalid ones are listed, the others are written, the exit code is 2.
code=0
"$program" encode "$model" "$work/long.wav" "$work/tiny.wav" "$work/broken.wav" "$work/short.wav" -o "$work/some" --batch 2 \
  --json >"$work/rows" 2>"$work/log" || code=$?
[ $code -eq 2 ] || fail "bad files among others: exit $code"
grep -q "2 of 4 files were not encoded" "$work/log" || fail "$(cat "$work/log")"
python3 - "$work" <<'PY' || fail "$(cat "$work/rows")"
import json, os, sys
rows = json.load(open(sys.argv[1] + "/rows"))
good = [os.path.basename(r["audio"]) for r in rows if os.path.exists(r.get("features", "")) and len(r["shape"]) == 3]
bad = [os.path.basename(r["audio"]) for r in rows if "error" in r]
sys.exit(0 if good == ["long.wav", "short.wav"] and bad == ["tiny.wav", "broken.wav"] else 1)
PY
near "$work/some/short.npy" "$work/alone.npy" 0 2e-5 || fail "a bad neighbour changes a file"
code=0
"$program" encode "$model" "$work/broken.wav" -o "$work/x.npy" 2>"$work/log" || code=$?
[ $code -eq 2 ] && grep -q "broken.wav: not an audio file" "$work/log" || fail "one bad file: exit $code, $(cat "$work/log")"

"$program" encode "$model" "$work/long.wav" -o "$work/bf16.npy" --dtype bf16
near "$work/bf16.npy" "$work/long.npy" 0 0.2 || fail "--dtype bf16 is far from fp32"
! near "$work/bf16.npy" "$work/long.npy" 0 0 || fail "--dtype bf16 changes nothing"
"$program" encode "$model" "$work/long.wav" -o "$work/fp32.npy" --dtype fp32
cmp -s "$work/fp32.npy" "$work/long.npy" || fail "--dtype fp32 is not the default"
echo "encode: passed"

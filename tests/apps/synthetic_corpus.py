"""A corpus of tones in noise with its manifest, for pipelines whose scores mean nothing.

Usage: synthetic_corpus.py FOLDER CLIPS SECONDS
"""
import array
import math
import pathlib
import random
import sys
import wave

folder, clips, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
random.seed(1)
rows = ["id\tpath\tsamples\tspeaker\tgroup\tsplit"]
for clip in range(clips):
    samples = int(16000 * seconds) + 160 * clip
    pitch = random.uniform(100, 1000)
    data = array.array("h", (int(8000 * math.sin(t * pitch * 2 * math.pi / 16000) + random.gauss(0, 300))
                             for t in range(samples)))
    with wave.open(str(folder / f"clip{clip}.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
        file.writeframes(data.tobytes())
    split = ("train", "train", "dev", "test")[clip % 4]
    rows.append(f"clip{clip}\tclip{clip}.wav\t{samples}\tspeaker{clip % 2}\tsession{clip // 2}\t{split}")
(folder / "manifest.tsv").write_text("\n".join(rows) + "\n")

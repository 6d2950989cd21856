#!/usr/bin/env python3
"""Writes the six clips that the files of version 0.1 were made from: noise from a fixed generator. Usage: clips.py FOLDER"""
import struct
import sys
import wave

state = 1
for number in range(6):
    samples = []
    for _ in range(16000):
        state = (1103515245 * state + 12345) % 2**31
        samples.append((state >> 15) % 8192 - 4096)
    with wave.open(f"{sys.argv[1]}/clip{number}.wav", "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
        file.writeframes(struct.pack("<16000h", *samples))

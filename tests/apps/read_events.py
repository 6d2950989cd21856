#!/usr/bin/env python3
"""Reads a TensorBoard event file by its published format, independently of the writer, and compares its curves
with metrics.jsonl next to it. Usage: read_events.py STAGE_FOLDER"""
import glob
import json
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        head, (length, crc) = data[at:at + 8], struct.unpack("<QI", data[at:at + 12])
        assert crc == masked(head), f"checksum of the length at byte {at}"
        body = data[at + 12:at + 12 + length]
        (crc,) = struct.unpack("<I", data[at + 12 + length:at + 16 + length])
        assert crc == masked(body), f"checksum of the record at byte {at}"
        at += length + 16
        yield body


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size, form = {1: (8, "<d"), 5: (4, "<f")}[wire]
            (value,) = struct.unpack(form, data[at:at + size])
            at += size
        yield key >> 3, value


def main():
    (path,) = glob.glob(f"{sys.argv[1]}/*tfevents*")
    first, *events = (dict(fields(body)) for body in records(open(path, "rb").read()))
    assert first[3] == b"brain.Event:2", "the first record must name the file's version"
    curves, times = {}, []
    for event in events:
        times.append(event[1])
        for number, value in fields(event[5]):
            assert number == 1
            parts = dict(fields(value))
            curves.setdefault(parts[1].decode(), {})[event.get(2, 0)] = parts[2]
    assert times == sorted(times), "events must be in the order of time"

    lines = [json.loads(line) for line in open(f"{sys.argv[1]}/metrics.jsonl")]
    expected = {}
    for line in lines:
        for size, loss in line.get("validation", {}).items():
            expected.setdefault(f"validation/{size}", {})[line["step"]] = loss
        for name in ("loss", "lr", "grad_norm"):
            if name in line:
                expected.setdefault(f"train/{name}", {})[line["step"]] = line[name]
    assert len(expected) >= 4, "metrics.jsonl has no curves"
    for tag, curve in expected.items():
        assert curve.keys() == curves[tag].keys(), f"{tag}: steps differ"
        for step, value in curve.items():
            assert abs(curves[tag][step] - value) <= 1e-6 * abs(value), f"{tag} at step {step}"
    try:  # people's own viewer, where it is installed
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        seen = EventAccumulator(path).Reload()
        assert set(seen.Tags()["scalars"]) == set(curves)
    except ImportError:
        pass
    print(f"{len(events)} events, {len(curves)} curves: well")


main()

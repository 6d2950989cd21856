#!/usr/bin/env python3
"""The forward pass of a log-mel model in plain PyTorch, written from docs/formats.md, against `concertina encode`.

Usage: reference_encoder.py MODEL.safetensors CLIP.wav FEATURES.npy     exits 0 when the largest difference is <= 1e-5.
"""
import json, math, re, sys, wave
import numpy, torch
import torch.nn.functional as F
from safetensors import safe_open


def read_wav(path):
    with wave.open(path) as clip:
        data = numpy.frombuffer(clip.readframes(clip.getnframes()), dtype="<i2")
    return torch.from_numpy(data.astype(numpy.float32) / 32768)


def filter_bank(bins, rate, fft=512, low=20.0, high=7600.0):
    mel = lambda hz: 2595 * math.log10(1 + hz / 700)
    grid = torch.linspace(mel(low), mel(high), bins + 2, dtype=torch.float64)
    points = 700 * (10 ** (grid / 2595) - 1)
    hz = torch.arange(fft // 2 + 1, dtype=torch.float64)[:, None] * rate / fft
    rise = (hz - points[:-2]) / (points[1:-1] - points[:-2])
    fall = (points[2:] - hz) / (points[2:] - points[1:-1])
    return torch.minimum(rise, fall).clamp_min(0).float()


def parse_layers(key):
    for run in re.search(r"L=(\S+)", key)[1].split(","):
        pattern = r"(\d+)(?:-(\d+))?:(\d+)x(\d+)(?:w(\d+)|(lin))?"
        first, last, heads, ffn, window, is_linear = re.fullmatch(pattern, run).groups()
        for index in range(int(first), int(last or first) + 1):
            yield index, int(heads), int(ffn), int(window or 1_000_000), bool(is_linear)


def encode(x, tensors, blueprint, key):
    linear = lambda y, name: F.linear(y, tensors[name + ".weight"], tensors[name + ".bias"])
    norm = lambda y, name: F.layer_norm(y, y.shape[-1:], tensors[name + ".weight"], tensors[name + ".bias"])
    front, positional, post = blueprint["front_end"], blueprint["positional"], blueprint["norm_position"] == "post"
    frames = x.unfold(0, front["window"], front["hop"]) * torch.hann_window(front["window"])
    power = torch.fft.rfft(frames, 512).abs().square()
    mel = (power @ filter_bank(front["bins"], blueprint["sample_rate"])).clamp_min(1e-10).log()
    mel = (mel - tensors["feature_extractor.mel.mean"]) / tensors["feature_extractor.mel.std"]
    count = len(mel) // front["stack"]
    features = mel[: count * front["stack"]].reshape(count, -1)
    period = int(re.search(r"p=(\d+)", key)[1])
    base = front["hop"] * front["stack"] * 1_000_000 // blueprint["sample_rate"]
    back = None
    if blueprint["rate"] == "cif" and period > base:
        rate = {name: tensor.double() for name, tensor in tensors.items() if name.startswith("rate.")}
        y = F.conv1d(features.double().T[None], rate["rate.conv.weight"], rate["rate.conv.bias"], padding=2)[0].T
        y = torch.relu(F.layer_norm(y, y.shape[-1:], rate["rate.layer_norm.weight"], rate["rate.layer_norm.bias"]))
        alpha = torch.sigmoid(F.linear(y, rate["rate.proj.weight"], rate["rate.proj.bias"]))[:, 0]
        slots = max(1, math.floor(count * base / period + 0.5))
        weight = alpha * slots / alpha.sum()
        end, slot = weight.cumsum(0), torch.arange(slots, dtype=torch.float64)[:, None]
        overlap = (torch.minimum(end, slot + 1) - torch.maximum(end - weight, slot)).clamp_min(0)
        back = (overlap / overlap.sum(0)).T.float()
        features = overlap.float() @ features
    y = linear(features, "post_extract_proj")
    name, groups, order = "encoder.pos_conv.0.", positional["groups"], torch.arange(y.shape[1])
    kernel = tensors[name + ("weight_v" if positional["weight_norm"] else "weight")]
    if positional["weight_norm"]:
        kernel = tensors[name + "weight_g"] * kernel / kernel.norm(dim=(0, 1), keepdim=True)
    if positional["interleaved"]:  # channels of one group next to each other, as conv1d wants them
        order = order.reshape(-1, groups).T.reshape(-1)
    z = F.conv1d(y.T[order][None], kernel[order], tensors[name + "bias"][order],
                 padding=positional["kernel"] // 2, groups=groups)[0, :, : len(y)]
    y = y + F.gelu(z)[torch.argsort(order)].T
    y = norm(y, "encoder.layer_norm") if post else y
    states = [y]
    for index, heads, ffn, window, is_linear in parse_layers(key):
        name = f"encoder.layers.{index}."
        if heads:
            h = y if post else norm(y, name + "self_attn_layer_norm")
            q, k, v = (linear(h, f"{name}self_attn.{p}_proj").unflatten(1, (heads, -1)).transpose(0, 1) for p in "qkv")
            if is_linear:
                weights = (F.elu(q) + 1) @ (F.elu(k) + 1).transpose(1, 2)
                weights = weights / (weights.sum(2, keepdim=True) + 1e-6)
            else:
                at = torch.arange(len(y))
                scores = q @ k.transpose(1, 2) / math.sqrt(blueprint["head_dim"])
                weights = scores.masked_fill((at[:, None] - at).abs() > window // 2, -math.inf).softmax(2)
            h = y + linear((weights @ v).transpose(0, 1).flatten(1), name + "self_attn.out_proj")
            y = norm(h, name + "self_attn_layer_norm") if post else h
        if ffn:
            h = y if post else norm(y, name + "final_layer_norm")
            h = y + linear(F.gelu(linear(h, name + "fc1")), name + "fc2")
            y = norm(h, name + "final_layer_norm") if post else h
        states.append(y)
    if not post:
        states[-1] = norm(states[-1], "encoder.layer_norm")
    return torch.stack([back @ state if back is not None else state for state in states])


model, clip, features = sys.argv[1:]
with safe_open(model, "pt") as file:
    space = json.loads(file.metadata()["concertina.space"])
    weights = {name: file.get_tensor(name) for name in file.keys()}
with torch.inference_mode():
    mine = encode(read_wav(clip), weights, space["blueprint"], space["architecture"]).numpy()
difference = float(numpy.abs(mine - numpy.load(features)).max())
print(f"{sum(w.numel() for w in weights.values())} parameters, largest difference {difference:.2e}")
sys.exit(difference > 1e-5)

#!/usr/bin/env python3
"""The step that a user could build without Concertina: the LightHuBERT package as student (default subnet of the small
supernet), `transformers`' HubertModel of base size as teacher, torch's fused AdamW. Prints JSON.

Usage: train_step_reference.py PACKAGE_FOLDER [--autocast] [--cached] [--device cuda:0]
PACKAGE_FOLDER holds the package lighthubert.
"""
import argparse
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

TOP, MASK_PROBABILITY, MASK_LENGTH = 8, 0.65, 10


class Teacher:
    """Mean of the last layers' FFN results, each normalised over time (data2vec's convention)."""

    def __init__(self):
        from transformers import HubertConfig, HubertModel
        config = HubertConfig(feat_extract_norm="layer", do_stable_layer_norm=False, attn_implementation="sdpa")
        self.model = HubertModel(config).eval()
        self.results = []
        for layer in self.model.encoder.layers[-TOP:]:
            layer.feed_forward.register_forward_hook(lambda module, args, result: self.results.append(result))

    @torch.no_grad()
    def __call__(self, wave):
        self.results.clear()
        self.model(wave)
        normed = [F.instance_norm(r.float().transpose(1, 2)).transpose(1, 2) for r in self.results]
        return sum(normed) / TOP


def make_student(package):
    sys.path.insert(0, package)
    from lighthubert import LightHuBERT, LightHuBERTConfig
    config = LightHuBERTConfig({"extractor_mode": "layer_norm", "encoder_layerdrop": 0.0})
    config.supernet_type = "small"
    model = LightHuBERT(config).train()
    model.encoder.layerdrop = 0.0
    model.set_sample_config(model.supernet.subnet)

    def apply_mask(x, padding_mask, target_list, mask_indices=None):  # the package's own, and a cast for autocast
        x[mask_indices] = model.mask_emb[:x.size(-1)].to(x.dtype)
        return x, mask_indices

    model.apply_mask = apply_mask
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package")
    parser.add_argument("--autocast", action="store_true")
    parser.add_argument("--cached", action="store_true", help="without the teacher's pass")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--queue", type=int, default=10, help="steps before each wait, on a GPU")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    device = torch.device(args.device)
    on_gpu = device.type == "cuda"
    student, teacher = make_student(args.package).to(device), Teacher()
    teacher.model.to(device)
    optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01,
                                  fused=True)
    wave = torch.randn(args.clips, int(args.seconds * 16000)) * 0.1
    wave = F.layer_norm(wave, wave.shape[1:]).to(device)
    target = teacher(wave)
    frames = target.size(1)
    starts = torch.rand(args.clips, frames) < MASK_PROBABILITY / MASK_LENGTH
    mask = F.max_pool1d(F.pad(starts.float(), (MASK_LENGTH - 1, 0)), MASK_LENGTH, 1).bool().to(device)
    if args.cached:
        teacher = None

    def step():
        with torch.autocast(device.type, torch.bfloat16, enabled=args.autocast):
            goal = target if teacher is None else teacher(wave)
            output = student(wave, mask=True, mask_indices=mask)
            prediction = output["layer_heads"][11][0]
            loss = F.l1_loss(prediction.float(), goal)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in student.parameters() if p.grad is not None], 10.0)
        optimizer.step()

    def timed():
        steps = args.queue if on_gpu else 1
        start = time.perf_counter()
        for _ in range(steps):
            step()
        if on_gpu:
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / steps

    times = [timed() for _ in range(args.warmup + args.repeats)][args.warmup:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"autocast": args.autocast, "cached": args.cached, "threads": args.threads, "clips": args.clips,
                      "seconds": args.seconds, "times_s": times, "peak_rss_mb": peak, "device": args.device,
                      "peak_device_mb": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else 0,
                      "torch": torch.__version__}))


main()

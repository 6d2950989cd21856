"""Golden results and gradients of linear attention (supernet/nn/linear_attention.h) in double precision, from the form with weights of
pairs of frames: a_ij = f(q_i) f(k_j)' over valid frames j, y_i = sum_j a_ij v_j / (sum_j a_ij + 1e-6), f(x) = elu(x) + 1, each head by
itself; gradients of sum(y * slopes) by autograd.

Usage: linear_attention.py tests/model/golden/linear_attention.safetensors      (pip install torch==2.13.0 numpy safetensors)
"""
import sys

import numpy as np
import torch
from safetensors.torch import save_file

from closed_form import uniform

CASES = {"short": ((7, 4), 2, 3), "long": ((65,), 3, 16), "one": ((1,), 1, 2)}  # valid frames of each clip, heads, width of a head


def value(name, *shape):
    return torch.from_numpy((3 * uniform(name, int(np.prod(shape)))).astype(np.float32).reshape(shape)).double()


def attention(q, k, v, heads, lengths):
    f = lambda x: torch.nn.functional.elu(x) + 1
    result = torch.zeros_like(q)
    width = q.shape[2] // heads
    for clip, length in enumerate(lengths):
        for head in range(heads):
            channels = slice(head * width, (head + 1) * width)
            part = lambda x: x[clip, :length, channels]
            weights = f(part(q)) @ f(part(k)).T
            result[clip, :length, channels] = weights @ part(v) / (weights.sum(1, keepdim=True) + 1e-6)
    return result


golden = {}
for case, (lengths, heads, width) in CASES.items():
    shape = (len(lengths), max(lengths), heads * width)
    q, k, v = (value(f"linear attention {case} {part}", *shape).requires_grad_() for part in "qkv")
    y = attention(q, k, v, heads, lengths)
    (y * value(f"linear attention {case} slopes", *shape)).sum().backward()
    for name, tensor in {"y": y, "q": q.grad, "k": k.grad, "v": v.grad}.items():
        golden[f"{case}/{name}"] = tensor.detach().float().contiguous()
save_file(golden, sys.argv[1])
for name, tensor in golden.items():
    print(name, tuple(tensor.shape), f"{tensor.abs().max():.4g}")

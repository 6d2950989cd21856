"""Weights and waveforms in closed form, so that golden files hold outputs only and the C++ test makes the inputs itself.

Value i of the tensor called `name` comes from u = splitmix64(fnv1a64(name) + i) mapped to [-1, 1):
norm weights 1 + 0.2 u, biases 0.1 u, weight_g 2 + 0.4 u, mask_emb u, every other tensor u * sqrt(3 / fan_in).
"""
import numpy as np


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def uniform(name, count):
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def tensor(name, shape):
    u = uniform(name, int(np.prod(shape)))
    if name.endswith("weight_g"):
        u = 2 + 0.4 * u
    elif name.endswith("bias"):
        u = 0.1 * u
    elif len(shape) == 1 and name != "mask_emb":
        u = 1 + 0.2 * u
    elif len(shape) > 1:
        u = u * np.sqrt(3.0 / np.prod(shape[1:]))
    return u.astype(np.float32).reshape(shape)


def waveform(name, samples):
    return (0.3 * uniform(name, samples)).astype(np.float32)

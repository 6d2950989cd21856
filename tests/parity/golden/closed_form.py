"""Weights and waveforms in closed form, so that golden files hold outputs only and the C++ test makes the inputs itself.

Value i of the tensor called `name` comes from u = splitmix64(fnv1a64(name) + i) mapped to [-1, 1):
norm weights 1 + 0.2 u, biases 0.1 u, weight_g 2 + 0.4 u, mask_emb u, every other tensor u * sqrt(3 / fan_in).
"""
import numpy as np
import torch

CLIPS = (16000, 9000, 4321)  # samples of the clips of a padded batch: the first of "golden waveform"


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


def padded(lengths, eps=None):
    """[B, N] waveforms, each of zero mean and unit variance when `eps` is given, and the [B, N] mask of their samples."""
    clips = [waveform("golden waveform", n) for n in lengths]
    if eps is not None:
        clips = [(clip - clip.mean()) / np.sqrt(clip.var() + eps) for clip in clips]
    batch, mask = torch.zeros(len(clips), max(lengths)), torch.zeros(len(clips), max(lengths), dtype=torch.long)
    for row, clip in enumerate(clips):
        batch[row, : len(clip)], mask[row, : len(clip)] = torch.from_numpy(clip), 1
    return batch, mask


def our_name(name, layer_mode):
    """The fairseq name of a transformers tensor; `layer_mode`: the extractor has a layer norm in every conv layer."""
    parts = name.split(".")
    if name == "masked_spec_embed":
        return "mask_emb"
    if parts[0] == "feature_extractor":
        kind = "0" if parts[3] == "conv" else "2.1" if layer_mode else "2"
        return f"feature_extractor.conv_layers.{parts[2]}.{kind}.{parts[4]}"
    if parts[0] == "feature_projection":
        return {"layer_norm": "layer_norm.", "projection": "post_extract_proj."}[parts[1]] + parts[2]
    if parts[1] == "pos_conv_embed":
        tail = {"bias": "bias", "original0": "weight_g", "original1": "weight_v"}[parts[-1]]
        return "encoder.pos_conv.0." + tail
    for theirs, ours in {"attention": "self_attn", "feed_forward.intermediate_dense": "fc1",
                         "feed_forward.output_dense": "fc2"}.items():
        name = name.replace("." + theirs + ".", "." + ours + ".")
    if parts[1] == "layers" and parts[3] == "layer_norm":
        name = f"encoder.layers.{parts[2]}.self_attn_layer_norm.{parts[4]}"
    for theirs, ours in {"gru_rel_pos_const": "grep_a", "gru_rel_pos_linear": "grep_linear",
                         "rel_attn_embed": "relative_attention_bias"}.items():
        name = name.replace(theirs, ours)
    return name


def load(model):
    """Gives a transformers model its closed-form weights; no gradients from here on."""
    layer_mode = model.config.feat_extract_norm == "layer"
    model.load_state_dict({name: torch.from_numpy(tensor(our_name(name, layer_mode), tuple(value.shape)))
                           for name, value in model.state_dict().items()})
    model.requires_grad_(False)


def states(hidden):
    """[states, B, T, E] of a transformers model's tuple."""
    return torch.stack(list(hidden))

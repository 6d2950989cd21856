"""Golden hidden states of published students' shapes, built out of transformers' HubertModel with closed-form weights:
DistilHuBERT (no feature norm, two layers), FitHuBERT (narrow conv stack, time reduction after the positional conv),
ARMHuBERT (layers 1 and 3 take the attention map of the layer before; no projection) and DPHuBERT (the full model with
heads, FFN units and conv channels masked out, and its scale of the features). Every 5th value is kept.

Usage: students.py OUT.safetensors      (pip install torch==2.13.0 transformers==4.57.1 safetensors numpy)
"""
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import HubertConfig, HubertModel
from transformers.models.hubert.modeling_hubert import HubertAttention

from closed_form import load, states, tensor, waveform

SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256, conv_dim=(32,) * 7,
             num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=16, hidden_dropout=0.0, attention_dropout=0.0,
             feat_proj_dropout=0.0, activation_dropout=0.0, layerdrop=0.0, final_dropout=0.0, apply_spec_augment=False,
             attn_implementation="eager")
THIN = dict(conv_dim=(16, 24, 24, 24, 24, 24, 32, 32, 32), conv_kernel=(10, 1, 3, 3, 3, 3, 1, 2, 2),
            conv_stride=(5, 1, 2, 2, 2, 2, 1, 2, 2))
WAV = torch.from_numpy(waveform("golden waveform", 16000))[None]
golden = {}


def make(**options):
    model = HubertModel(HubertConfig(**{**SHAPE, **options})).eval()
    load(model)
    return model


def record(case, model):
    hidden = states(model(WAV, output_hidden_states=True).hidden_states)
    golden[case] = hidden.flatten()[::5].clone()
    print(case, tuple(hidden.shape), "max |h|", hidden.abs().max().item())


def weight(name, *shape):
    return torch.from_numpy(tensor(name, shape))


class Reduced(nn.Module):
    """The encoder's LayerNorm followed by a time reduction."""

    def __init__(self, norm, reduce):
        super().__init__()
        self.norm, self.reduce = norm, reduce

    def forward(self, x):
        return self.reduce(self.norm(x))


def conv(x):
    y = nn.functional.conv1d(x.transpose(1, 2), weight("rate.conv.weight", 128, 128, 2), weight("rate.conv.bias", 128), 2)
    return y.transpose(1, 2)


def linear(x):
    pairs = x[:, : x.shape[1] // 2 * 2].reshape(x.shape[0], -1, 256)
    return nn.functional.linear(pairs, weight("rate.linear.weight", 128, 256), weight("rate.linear.bias", 128))


def average(x):
    return nn.functional.avg_pool1d(x.transpose(1, 2), 3, 3).transpose(1, 2)


record("distilhubert", make(num_hidden_layers=2, feat_proj_layer_norm=False))

for name, reduce in {"conv": conv, "linear": linear, "average": average}.items():
    model = make(**THIN)
    model.encoder.layer_norm = Reduced(model.encoder.layer_norm, reduce)
    record(f"fithubert/{name}", model)


class Reuse(HubertAttention):
    """Takes the attention map that the source layer made in this pass."""

    source = None

    def forward(self, hidden_states, **_):
        batch, frames, _ = hidden_states.shape
        values = self.v_proj(hidden_states).view(batch, frames, self.num_heads, -1).transpose(1, 2)
        mixed = (self.source.map @ values).transpose(1, 2).reshape(batch, frames, -1)
        return self.out_proj(mixed), None, None


class Source(HubertAttention):
    def forward(self, hidden_states, **options):
        output, self.map, _ = super().forward(hidden_states, **{**options, "output_attentions": True})
        return output, self.map, None


model = make(conv_dim=(32,) * 6 + (128,))
model.feature_projection.projection = nn.Identity()
for i, layer in enumerate(model.encoder.layers):
    layer.attention.__class__ = Reuse if i % 2 else Source
    if i % 2:
        object.__setattr__(layer.attention, "source", model.encoder.layers[i - 1].attention)
record("armhubert", model)

model = make()
for i, layer in enumerate(model.encoder.layers):
    heads = torch.tensor([(h + i) % 4 < 3 - i % 2 for h in range(4)]).repeat_interleave(32)
    units = torch.arange(256) % (i + 2) != 0
    layer.attention.out_proj.weight *= heads
    layer.feed_forward.output_dense.weight *= units
for i, later in enumerate(model.feature_extractor.conv_layers[1:]):
    later.conv.weight *= (torch.arange(32) % (i + 2) != 1)[None, :, None]
scale = weight("feature_extractor.dummy_weight", 32)
model.feature_extractor.register_forward_hook(lambda module, inputs, output: output * scale[None, :, None])
record("dphubert", model)
save_file(golden, sys.argv[1])

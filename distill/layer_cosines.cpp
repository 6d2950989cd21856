#include "distill/layer_cosines.h"

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <cmath>

#include "core/errors.h"
#include "distill/clip_beginning.h"
#include "supernet/model/forward.h"

namespace concertina {
namespace {

// Of a layer with norms before its blocks: the input and what its blocks add.
at::Tensor residual_sum(const LayerActivations& inside) {
  const at::Tensor& x = inside.attention_output.defined() ? inside.attention_output : inside.input;
  return inside.ffn_output.defined() ? x + inside.ffn_output : x;
}

// The states between the layers, each [T', E]: the input of the first layer, then the output of each.
std::vector<at::Tensor> states_of(const Subnet& net, const SpeechBatch& batch) {
  WantedOutputs wants;
  wants.all_hidden = true;
  at::Tensor last;
  const bool pre = net.blueprint.norm_position == NormPosition::kPre;
  if (pre) {
    wants.observe = [&](const LayerWeights&, const LayerActivations& inside, AttentionContext&) {
      last = residual_sum(inside);
    };
  }
  EncoderOutput output = encode(net, batch, wants);
  if (pre) output.hidden.back() = last;
  const auto valid = output.frames.lengths.item<int64_t>();
  for (at::Tensor& states : output.hidden) states = states[0].narrow(0, 0, valid).to(at::kDouble);
  return output.hidden;
}

}  // namespace

LayerCosines layer_cosines(const Subnet& net, const Manifest& manifest,
                           std::span<const size_t> clips, double seconds, const StopToken& stop) {
  const c10::InferenceMode guard;
  if (clips.empty()) throw InputError("there are no clips to measure the layers on");
  LayerCosines result;
  result.cosines.resize(static_cast<size_t>(net.architecture.depth()));
  for (const size_t index : clips) {
    stop.throw_if_interrupted("");
    const Clip& clip = manifest.clips[index];
    const auto states = states_of(net, beginning_of(net.blueprint, manifest, clip, seconds));
    for (size_t layer = 0; layer < result.cosines.size(); ++layer) {
      const at::Tensor each = at::cosine_similarity(states[layer], states[layer + 1], 1);
      const auto sum = each.sum().item<double>();
      if (!std::isfinite(sum))
        throw NumericError(fmt::format("the states of clip '{}' are not finite", clip.id));
      result.cosines[layer] += sum;
    }
    result.frames += states.front().size(0);
  }
  for (double& cosine : result.cosines) cosine /= static_cast<double>(result.frames);
  return result;
}

}  // namespace concertina

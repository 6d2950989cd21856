#include "pipeline/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/errors.h"
#include "speech/audio.h"
#include "supernet/space/frames.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

int32_t parse_layer(const std::string& text, int32_t depth) {
  int32_t layer = -1;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, layer);
  if (error != std::errc() || rest != end || layer < 0 || layer > depth) {
    throw InputError(
        fmt::format("--layers '{}' is not a hidden state of this subnet: it has 0 (the encoder's "
                    "input) to {}, or say all or last",
                    text, depth));
  }
  return layer;
}

std::vector<int32_t> parse_layers(const std::string& text, int32_t depth) {
  std::vector<int32_t> layers;
  if (text == "all") {
    for (int32_t i = 0; i <= depth; ++i) layers.push_back(i);
    return layers;
  }
  if (text == "last") return {depth};
  for (size_t begin = 0; begin != std::string::npos;) {
    const size_t comma = text.find(',', begin);
    layers.push_back(parse_layer(text.substr(begin, comma - begin), depth));
    begin = comma == std::string::npos ? comma : comma + 1;
  }
  return layers;
}

// Samples of consecutive windows of a file.
class WindowSamples {
 public:
  WindowSamples(const std::string& path, int32_t sample_rate) : stream_(path, sample_rate) {}

  // `first` never decreases from call to call. Fewer than `count` only at the end of the file.
  std::vector<float> read(int64_t first, int64_t count) {
    while (begin_ + static_cast<int64_t>(held_.size()) < first + count) {
      if (!stream_.read(held_)) break;
      drop_before(first);
    }
    drop_before(first);
    const auto there = std::min(count, static_cast<int64_t>(held_.size()));
    return {held_.begin(), held_.begin() + there};
  }

 private:
  void drop_before(int64_t first) {
    const auto passed = std::min(first - begin_, static_cast<int64_t>(held_.size()));
    if (passed <= 0) return;
    held_.erase(held_.begin(), held_.begin() + passed);
    begin_ += passed;
  }

  AudioStream stream_;
  std::vector<float> held_;
  int64_t begin_ = 0;  // of held_, samples into the file
};

}  // namespace

AudioMeasure measure_audio(const std::string& path, int32_t sample_rate, const StopToken& stop) {
  AudioStream stream(path, sample_rate);
  AudioMeasure measure;
  double sum = 0, squares = 0;
  for (std::vector<float> block; stream.read(block); block.clear()) {
    stop.throw_if_interrupted("files written so far are complete");
    for (const float x : block) {
      sum += x;
      squares += static_cast<double>(x) * x;
    }
    measure.samples += static_cast<int64_t>(block.size());
  }
  const auto n = static_cast<double>(std::max<int64_t>(measure.samples, 1));
  measure.mean = sum / n;
  measure.variance = std::max(0.0, squares / n - measure.mean * measure.mean);
  measure.channels = stream.source().channels;
  measure.sample_rate = stream.source().sample_rate;
  return measure;
}

Encoder::Encoder(const EncoderOptions& options, Subnet subnet, at::Device device)
    : options_(options),
      subnet_(std::move(subnet)),
      device_(device),
      layers_(parse_layers(options.layers, subnet_.architecture.depth())) {
  wants_.hidden = layers_;
  wants_.projected =
      options.state0 == "lighthubert" && std::ranges::find(layers_, 0) != layers_.end();
  if (wants_.projected && joined() > 1 && options.native()) {
    throw InputError(fmt::format(
        "--state0 lighthubert comes before this subnet joins {} frames into one: its frames are "
        "not those of --frames native",
        joined()));
  }
}

std::vector<at::Tensor> Encoder::operator()(const std::vector<std::vector<float>>& clips) const {
  return encoded(subnet_, clips);
}

std::vector<AudioWindow> Encoder::windows(const AudioMeasure& audio,
                                          const WindowOptions& options) const {
  if (const double longest = longest_clip_s(blueprint()); options.seconds > longest) {
    throw InputError(
        fmt::format("a window of {:g} s is too long: the model has positions for {:g} s",
                    options.seconds, longest));
  }
  return plan_windows(blueprint(), subnet_.architecture.frame_period_us(),
                      blueprint().frames(audio.samples), options);
}

at::Tensor Encoder::in_windows(const std::string& path, const AudioMeasure& audio,
                               const std::vector<AudioWindow>& windows,
                               const std::function<void(size_t)>& before_window) const {
  Subnet subnet = subnet_;
  subnet.blueprint.normalize_waveform = false;  // done below
  const bool normalise = blueprint().normalize_waveform;
  const auto mean = static_cast<float>(audio.mean);
  const auto scale = static_cast<float>(1 / std::sqrt(audio.variance + blueprint().normalize_eps));
  WindowSamples samples(path, blueprint().sample_rate);
  at::Tensor all;
  for (size_t i = 0; i < windows.size(); ++i) {
    before_window(i);
    const AudioWindow& window = windows[i];
    std::vector<float> clip = samples.read(window.first * blueprint().base_frame_samples(),
                                           samples_for_frames(blueprint(), window.frames));
    if (normalise) {
      for (float& x : clip) x = (x - mean) * scale;
    }
    const at::Tensor features = encoded(subnet, {clip}).front();
    const int64_t first = output_frames(window.first);
    const int64_t begin = output_frames(window.begin), end = output_frames(window.end);
    if (!all.defined()) {
      all = at::empty({features.size(0), output_frames(windows.back().end), features.size(2)},
                      at::kFloat);
    }
    all.narrow(1, begin, end - begin).copy_(features.narrow(1, begin - first, end - begin));
  }
  return all;
}

std::vector<at::Tensor> Encoder::encoded(const Subnet& subnet,
                                         const std::vector<std::vector<float>>& clips) const {
  const EncoderOutput output = encode(subnet, batch_of(clips), wants_);
  std::vector<at::Tensor> states;
  for (const int32_t layer : layers_) states.push_back(state(output, layer));
  const at::Tensor all = at::stack(states);
  std::vector<at::Tensor> features;
  for (size_t i = 0; i < clips.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const auto samples = static_cast<int64_t>(clips[i].size());
    features.push_back(all.select(1, row).narrow(1, 0, frames(output.frames, row, samples)));
  }
  return features;
}

SpeechBatch Encoder::batch_of(const std::vector<std::vector<float>>& clips) const {
  SpeechBatch batch = make_batch(clips, device_);
  if (pads_to_positions()) {
    const int64_t samples =
        int64_t{blueprint().position_embeddings} * blueprint().base_frame_samples();
    const int64_t missing = std::max<int64_t>(0, samples - batch.waveform.size(1));
    batch.waveform = at::constant_pad_nd(batch.waveform, {0, missing});
    batch.lengths.fill_(batch.waveform.size(1));
    return batch;
  }
  if (options_.padding == "original") batch.padding = Padding::kOriginal;
  if (options_.padding == "original-hf") batch.padding = Padding::kOriginalHf;
  if (options_.unmasked()) batch.lengths.fill_(batch.waveform.size(1));
  return batch;
}

bool Encoder::pads_to_positions() const {
  return blueprint().front_end == FrontEndKind::kWhisper && !options_.exact();
}

int64_t Encoder::joined() const { return joined_frames(subnet_.blueprint, subnet_.architecture); }

at::Tensor Encoder::state(const EncoderOutput& output, int32_t layer) const {
  const bool before = layer == 0 && wants_.projected;
  const at::Tensor& hidden =
      before ? output.frames.projected : output.hidden[static_cast<size_t>(layer)];
  const bool as_it_is = options_.native() || (before && joined() > 1);
  return as_it_is ? hidden : to_base_frames(output.frames, hidden);
}

int64_t Encoder::frames(const Frames& all, int64_t row, int64_t samples) const {
  if (options_.unmasked() || pads_to_positions()) return output_frames(blueprint().frames(samples));
  return (options_.native() ? all.lengths : all.base_lengths)[row].item<int64_t>();
}

int64_t Encoder::output_frames(int64_t base_frames) const {
  return options_.native()
             ? compressed_frames(blueprint(), base_frames, subnet_.architecture.frame_period_us())
             : base_frames;
}

}  // namespace concertina

#include "pipeline/encode_job.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>

#include "core/errors.h"
#include "core/format.h"
#include "core/log.h"
#include "pipeline/npy.h"
#include "speech/audio.h"

namespace concertina {
namespace {

constexpr double kLongAudio_s = 120;  // above it, windows are the default

void log_conversion(const std::string& path, int32_t channels, int32_t from, int32_t to) {
  const bool mixed = channels > 1, resampled = from != to;
  if (!mixed && !resampled) return;
  log_info("{}: {} channel{} at {} Hz, {}{}{}", path, channels, mixed ? "s" : "", from,
           mixed ? "mixed to one" : "", mixed && resampled ? " and " : "",
           resampled ? fmt::format("resampled to {} Hz", to) : "");
}

void check_length(const std::string& path, int64_t samples, const Blueprint& blueprint) {
  if (blueprint.frames(samples) < 1) {
    throw InputError(fmt::format("{}: {} samples at {} Hz are too short for one frame", path,
                                 samples, blueprint.sample_rate));
  }
}

std::vector<float> read_clip(const std::string& path, const Blueprint& blueprint) {
  Audio audio = read_audio(path, blueprint.sample_rate);
  log_conversion(path, audio.source.channels, audio.source.sample_rate, blueprint.sample_rate);
  check_length(path, static_cast<int64_t>(audio.samples.size()), blueprint);
  return std::move(audio.samples);
}

AudioMeasure read_measure(const std::string& path, const Blueprint& blueprint,
                          const StopToken& stop) {
  const AudioMeasure measure = measure_audio(path, blueprint.sample_rate, stop);
  log_conversion(path, measure.channels, measure.sample_rate, blueprint.sample_rate);
  check_length(path, measure.samples, blueprint);
  return measure;
}

double seconds_by_header(const std::string& path) {
  const AudioInfo info = audio_info(path);
  return static_cast<double>(info.samples) / std::max(info.sample_rate, 1);
}

void check_finite(const at::Tensor& features, const std::string& audio, const std::string& model) {
  if (at::isfinite(features).all().item<bool>()) return;
  throw NumericError(fmt::format(
      "{}: its features are not finite numbers: the weights of {} are damaged", audio, model));
}

}  // namespace

WindowOptions EncodeArgs::window_options(const Blueprint& blueprint) const {
  WindowOptions options;
  options.seconds = std::min(options.seconds, longest_clip_s(blueprint));
  if (window != "auto" && window != "none") options.seconds = parse_seconds(window);
  options.overlap = parse_seconds(overlap);
  return options;
}

double EncodeArgs::longest_piece_s(const Blueprint& blueprint) const {
  if (window == "none") return std::numeric_limits<double>::infinity();
  return window == "auto" ? std::min(kLongAudio_s, longest_clip_s(blueprint))
                          : window_options(blueprint).seconds;
}

std::vector<std::filesystem::path> output_paths(const EncodeArgs& args) {
  if (args.to_file()) {
    if (args.audio.size() == 1) return {args.out};
    throw InputError("several audio files need a folder as -o, not one .npy file");
  }
  std::vector<std::filesystem::path> paths;
  std::map<std::filesystem::path, std::string> taken;
  for (const std::string& audio : args.audio) {
    paths.push_back(std::filesystem::path(args.out) /
                    std::filesystem::path(audio).filename().replace_extension(".npy"));
    const auto [other, fresh] = taken.emplace(paths.back(), audio);
    if (!fresh) {
      throw InputError(fmt::format("{} and {} would both become {}", other->second, audio,
                                   paths.back().string()));
    }
  }
  return paths;
}

EncodeJob::EncodeJob(const EncodeArgs& args, const Encoder& encoder, const StopToken& stop)
    : args_(args),
      encoder_(encoder),
      stop_(stop),
      outputs_(output_paths(args)),
      files_(args.audio.size()),
      progress_("encode", static_cast<int64_t>(args.audio.size())) {
  for (size_t i = 0; i < files_.size(); ++i) files_[i].audio = args.audio[i];
}

void EncodeJob::run() {
  const Blueprint& blueprint = encoder_.blueprint();
  for (size_t i = 0; i < args_.audio.size(); ++i) {
    stop_.throw_if_interrupted("files written so far are complete");
    const std::string& path = args_.audio[i];
    std::optional<AudioMeasure> measure;
    const bool well = readable(i, [&] {
      if (seconds_by_header(path) > args_.longest_piece_s(blueprint)) {
        measure = read_measure(path, blueprint, stop_);
      } else {
        clips_.push_back(read_clip(path, blueprint));
      }
    });
    if (!well) continue;
    if (measure) {
      encode_long(i, *measure);
    } else {
      members_.push_back(i);
      if (clips_.size() == static_cast<size_t>(args_.batch)) encode_batch();
    }
  }
  encode_batch();
  progress_.finish();
}

void EncodeJob::throw_failures() const {
  if (failures_.empty()) return;
  const std::string message = fmt::format("{} of {} files were not encoded: {}", failures_.size(),
                                          args_.audio.size(), fmt::join(failures_, "; "));
  if (bad_input_) throw InputError(message);
  throw SystemError(message);
}

bool EncodeJob::readable(size_t i, const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const InputError& error) {
    if (args_.audio.size() == 1) throw;
    bad_input_ = true;
    fail(i, error.what());
  } catch (const SystemError& error) {
    if (args_.audio.size() == 1) throw;
    fail(i, error.what());
  }
  return false;
}

void EncodeJob::fail(size_t i, const std::string& why) {
  log_warn("{}; continuing with the other files", why);
  failures_.push_back(why);
  files_[i].error = why;
  progress_.advance();
}

void EncodeJob::encode_batch() {
  if (clips_.empty()) return;
  const std::vector<at::Tensor> features = encoder_(clips_);
  for (size_t k = 0; k < members_.size(); ++k) write(members_[k], features[k]);
  clips_.clear();
  members_.clear();
}

void EncodeJob::encode_long(size_t i, const AudioMeasure& audio) {
  const std::string& path = args_.audio[i];
  const WindowOptions options = args_.window_options(encoder_.blueprint());
  const std::vector<AudioWindow> windows = encoder_.windows(audio, options);
  const double seconds = static_cast<double>(audio.samples) / encoder_.blueprint().sample_rate;
  log_info(
      "{}: {} of audio in {} windows of {:g} s that share {:g} s (--window none: in one piece)",
      path, format_seconds(seconds), windows.size(), options.seconds, options.overlap);
  const at::Tensor features = encoder_.in_windows(path, audio, windows, [&](size_t window) {
    stop_.throw_if_interrupted("files written so far are complete");
    progress_.note(fmt::format("{}: window {} of {}", path, window + 1, windows.size()));
  });
  write(i, features);
  files_[i].windows = windows.size();
}

void EncodeJob::write(size_t i, const at::Tensor& features) {
  check_finite(features, args_.audio[i], args_.model);
  write_npy(outputs_[i], features);
  files_[i].features = outputs_[i];
  files_[i].shape = features.sizes().vec();
  progress_.advance();
}

}  // namespace concertina

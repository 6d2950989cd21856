// Encodes many audio files: short ones in batches, long ones in windows.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/precision.h"
#include "core/progress.h"
#include "core/stop.h"
#include "pipeline/encoder.h"

namespace concertina {

struct EncodeArgs : EncoderOptions {
  std::string model, arch = "largest", out, window = "auto", overlap = "2s";
  Precision dtype = Precision::kFp32;
  int32_t batch = 1;
  std::vector<std::string> audio;

  bool to_file() const { return out.ends_with(".npy"); }
  // InputError when they are no durations.
  WindowOptions window_options(const Blueprint& blueprint) const;
  // Longer audio is encoded in windows.
  double longest_piece_s(const Blueprint& blueprint) const;
};

// Where the features of each file go. InputError where two would overwrite each other.
std::vector<std::filesystem::path> output_paths(const EncodeArgs& args);

// The result of one file.
struct EncodedFile {
  std::string audio;
  std::filesystem::path features;  // "": see error
  std::vector<int64_t> shape;      // [states, frames, channels]
  size_t windows = 0;              // 0: encoded in one piece
  std::string error;
};

// Encodes the files of one call. If there are several, an unreadable one does not stop the others.
class EncodeJob {
 public:
  EncodeJob(const EncodeArgs& args, const Encoder& encoder, const StopToken& stop);
  void run();  // Interrupted when a stop was requested
  const std::vector<EncodedFile>& files() const { return files_; }  // in the order given
  // InputError if any file is invalid, otherwise SystemError.
  void throw_failures() const;

 private:
  bool readable(size_t i, const std::function<void()>& read);
  void fail(size_t i, const std::string& why);
  void encode_batch();
  void encode_long(size_t i, const AudioMeasure& audio);
  void write(size_t i, const at::Tensor& features);

  const EncodeArgs& args_;
  const Encoder& encoder_;
  const StopToken& stop_;
  std::vector<std::filesystem::path> outputs_;
  std::vector<EncodedFile> files_;
  std::vector<std::vector<float>> clips_;  // read, not yet encoded
  std::vector<size_t> members_;            // the files they are of
  std::vector<std::string> failures_;
  bool bad_input_ = false;
  Progress progress_;
};

}  // namespace concertina

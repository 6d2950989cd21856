// TensorBoard event files with scalars only: TFRecord framing (length, masked CRC-32C, protobuf
// Event), written by hand, so that `tensorboard --logdir RUN` shows a run without any dependency.
// Formats: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace concertina {

struct Scalar {
  std::string tag;  // "loss/largest": the part before the slash names a group
  double value = 0;
};

// Not thread-safe. SystemError when the file cannot be written.
class EventFile {
 public:
  explicit EventFile(std::filesystem::path path);  // writes nothing yet
  // Creates the file, or resumes it after `step`: later events, and one that was half written, are
  // removed.
  void resume_after(int64_t step);
  // Written at once, with the current time.
  void add(int64_t step, std::span<const Scalar> scalars);

 private:
  std::filesystem::path path_;
};

}  // namespace concertina

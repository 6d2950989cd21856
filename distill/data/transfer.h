// Copies between the host and the device that trains, made while both go on working. Where the
// device is the CPU nothing is copied.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

#include "distill/data/crops.h"

namespace concertina {

// Batches on their way to a device, on a stream of its own. Thread-safe.
class Uploader {
 public:
  struct Sent {
    Crops crops;
    std::optional<c10::Event> arrived;
  };

  explicit Uploader(at::Device device);
  Sent send(Crops crops) const;    // from page-locked memory
  Crops receive(Sent sent) const;  // the stream that computes waits, the caller does not

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;
};

// Numbers on their way to the host.
class Readback {
 public:
  explicit Readback(const at::Tensor& numbers);  // [N] fp64
  std::vector<double> wait() const;

 private:
  at::Tensor host_;
  std::optional<c10::Event> arrived_;
};

}  // namespace concertina

// Asynchronous copies between the host and the training device. Where the device is the CPU
// nothing is copied.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

#include "distill/data/batch_source.h"

namespace concertina {

// The batch on the device; tensors that are there already are not copied.
TrainingBatch to_device(TrainingBatch batch, at::Device device);

// Copies batches to a device on a stream of its own. Thread-safe.
class Uploader {
 public:
  struct Upload {
    TrainingBatch batch;
    std::optional<c10::Event> done;
  };

  explicit Uploader(at::Device device);
  Upload start(TrainingBatch batch) const;    // from page-locked memory
  TrainingBatch finish(Upload upload) const;  // the compute stream waits, the caller does not

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;
};

// A copy of values to the host.
class Readback {
 public:
  explicit Readback(const at::Tensor& values);  // [N] fp64
  std::vector<double> wait() const;

 private:
  at::Tensor host_;
  std::optional<c10::Event> done_;
};

}  // namespace concertina

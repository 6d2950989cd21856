#include "distill/data/transfer.h"

#include <c10/core/StreamGuard.h>

#include <utility>

#include "supernet/nn/ops.h"

namespace concertina {
namespace {

c10::impl::VirtualGuardImpl streams_of(at::Device device) {
  return c10::impl::VirtualGuardImpl(device.type());
}

}  // namespace

TrainingBatch to_device(TrainingBatch batch, at::Device device) {
  for_each_tensor(batch, [&](at::Tensor& tensor) { tensor = to_device(tensor, device); });
  return batch;
}

Uploader::Uploader(at::Device device) : device_(device) {
  if (!device.is_cpu()) stream_ = streams_of(device).getStreamFromGlobalPool(device);
}

Uploader::Upload Uploader::start(TrainingBatch batch) const {
  if (!stream_) return {std::move(batch), std::nullopt};
  const c10::StreamGuard on(*stream_);
  for_each_tensor(batch, [&](at::Tensor& tensor) {
    tensor = tensor.pin_memory().to(device_, /*non_blocking=*/true);
  });
  Upload upload{std::move(batch), c10::Event(device_.type())};
  upload.done->record(*stream_);
  return upload;
}

TrainingBatch Uploader::finish(Upload upload) const {
  if (stream_) {
    const c10::Stream compute = streams_of(device_).getStream(device_);
    upload.done->block(compute);
    for_each_tensor(upload.batch, [&](at::Tensor& tensor) { tensor.record_stream(compute); });
  }
  return std::move(upload.batch);
}

Readback::Readback(const at::Tensor& values) : host_(values) {
  if (values.is_cpu()) return;
  host_ = at::empty(values.sizes(), values.options().device(at::kCPU).pinned_memory(true));
  host_.copy_(values, /*non_blocking=*/true);
  done_.emplace(values.device().type());
  done_->record(streams_of(values.device()).getStream(values.device()));
}

std::vector<double> Readback::wait() const {
  if (done_) done_->synchronize();
  const double* first = host_.const_data_ptr<double>();
  return {first, first + host_.numel()};
}

}  // namespace concertina

#include "distill/data/transfer.h"

#include <c10/core/StreamGuard.h>

#include <utility>

namespace concertina {
namespace {

c10::impl::VirtualGuardImpl streams_of(at::Device device) {
  return c10::impl::VirtualGuardImpl(device.type());
}

template <class Visit>
void for_tensors(Crops& crops, const Visit& visit) {
  for_each_device_tensor(crops.speech, visit);
  for (at::Tensor* tensor : {&crops.clean, &crops.units, &crops.target}) {
    if (tensor->defined()) visit(*tensor);
  }
}

}  // namespace

Uploader::Uploader(at::Device device) : device_(device) {
  if (!device.is_cpu()) stream_ = streams_of(device).getStreamFromGlobalPool(device);
}

Uploader::Sent Uploader::send(Crops crops) const {
  if (!stream_) return {std::move(crops), std::nullopt};
  const c10::StreamGuard on(*stream_);
  for_tensors(crops, [&](at::Tensor& tensor) {
    tensor = tensor.pin_memory().to(device_, /*non_blocking=*/true);
  });
  Sent sent{std::move(crops), c10::Event(device_.type())};
  sent.arrived->record(*stream_);
  return sent;
}

Crops Uploader::receive(Sent sent) const {
  if (stream_) {
    const c10::Stream computing = streams_of(device_).getStream(device_);
    sent.arrived->block(computing);
    for_tensors(sent.crops, [&](at::Tensor& tensor) { tensor.record_stream(computing); });
  }
  return std::move(sent.crops);
}

Readback::Readback(const at::Tensor& numbers) : host_(numbers) {
  if (numbers.is_cpu()) return;
  host_ = at::empty(numbers.sizes(), numbers.options().device(at::kCPU).pinned_memory(true));
  host_.copy_(numbers, /*non_blocking=*/true);
  arrived_.emplace(numbers.device().type());
  arrived_->record(streams_of(numbers.device()).getStream(numbers.device()));
}

std::vector<double> Readback::wait() const {
  if (arrived_) arrived_->synchronize();
  const double* values = host_.const_data_ptr<double>();
  return {values, values + host_.numel()};
}

}  // namespace concertina

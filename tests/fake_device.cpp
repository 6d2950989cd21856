#include "tests/fake_device.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/library.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <set>

namespace concertina::testing {
namespace {

constexpr auto kFake = c10::DeviceType::PrivateUse1;
std::atomic<int64_t> waits{0};
std::mutex pinned_lock;
std::set<const void*> pinned;

class DeviceMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes == 0 ? nullptr : c10::alloc_cpu(bytes);
    return {data, data, &c10::free_cpu, fake_device()};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &c10::free_cpu; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

class PinnedMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = c10::alloc_cpu(std::max<size_t>(bytes, 1));
    const std::scoped_lock lock(pinned_lock);
    pinned.insert(data);
    return {data, data, &free, at::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void free(void* data) {
    const std::scoped_lock lock(pinned_lock);
    pinned.erase(data);
    c10::free_cpu(data);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isPinnedPtr(const void* data) const override {
    const std::scoped_lock lock(pinned_lock);
    return pinned.contains(data);
  }
  c10::Allocator* getPinnedMemoryAllocator() const override {
    static PinnedMemory memory;
    return &memory;
  }
};

// Streams are done as soon as they are told something, and so is every event.
struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kFake; }
  c10::Device exchangeDevice(c10::Device) const override { return fake_device(); }
  c10::Device getDevice() const override { return fake_device(); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return c10::Stream(c10::Stream::UNSAFE, device, 1);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    return getStream(stream.device());
  }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    static int recorded;
    *event = &recorded;
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override {}
  void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

bool is_fake(const at::Tensor& t) { return t.defined() && t.device().type() == kFake; }

// The same memory as a tensor of the other device.
at::Tensor as_on(const at::Tensor& t, at::Device device) {
  at::Tensor result =
      at::for_blob(t.data_ptr(), t.sizes())
          .strides(t.strides())
          .deleter([keep = t](void*) {})
          .options(t.options().device(device).requires_grad(false).pinned_memory(false))
          .target_device(device)
          .make_tensor();
  result._set_conj(t.is_conj());  // computed when it is read
  return result;
}

at::Tensor on_host(const at::Tensor& t) { return is_fake(t) ? as_on(t, at::kCPU) : t; }

bool makes_shapes_of_values(const std::string& op) {
  static const std::set<std::string> kOps = {"aten::_local_scalar_dense",
                                             "aten::nonzero",
                                             "aten::masked_select",
                                             "aten::equal",
                                             "aten::_unique2",
                                             "aten::repeat_interleave"};
  return kOps.contains(op);
}

// One call's arguments on their way to the CPU's operation and its results on their way back.
class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack& stack) : op_(op), stack_(stack) {}

  void run() {
    const at::AutoDispatchBelowAutograd below;
    const std::string& name = op_.schema().name();
    if (makes_shapes_of_values(name)) ++waits;
    const size_t arguments = op_.schema().arguments().size();
    for (size_t i = stack_.size() - arguments; i < stack_.size(); ++i) to_host(stack_[i]);
    TORCH_CHECK(!(any_fake_ && any_host_), name, ": tensors of two devices");
    op_.callBoxed(&stack_);
    for (auto& [alias, original] : originals_) take_over(alias, original);
    const size_t results = op_.schema().returns().size();
    for (size_t i = stack_.size() - results; i < stack_.size(); ++i) to_device(stack_[i]);
  }

 private:
  at::Tensor to_host(const at::Tensor& t) {
    if (is_fake(t)) {
      any_fake_ = true;
      const auto host = t.options().device(at::kCPU);
      originals_.emplace_back(t.numel() == 0 ? at::empty(t.sizes(), host) : as_on(t, at::kCPU), t);
      return originals_.back().first;
    }
    any_host_ |= t.defined() && t.dim() > 0;  // one number may be anywhere
    return t;
  }
  void to_host(c10::IValue& value) {
    if (value.isTensor()) {
      value = to_host(value.toTensor());
    } else if (value.isTensorList()) {
      std::vector<at::Tensor> list;
      for (const at::Tensor& t : value.toTensorVector()) list.push_back(to_host(t));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor>& t : value.toOptionalTensorVector()) {
        list.push_back(t ? std::optional(to_host(*t)) : t);
      }
      value = list;
    } else if (value.isDevice() && value.toDevice().type() == kFake) {
      value = at::Device(at::kCPU);
      any_fake_ = true;
    }
  }
  // Operations give their size to results that were handed to them empty.
  static void take_over(const at::Tensor& alias, const at::Tensor& original) {
    if (alias.sizes() == original.sizes()) return;
    at::TensorImpl* impl = original.unsafeGetTensorImpl();
    impl->set_storage_keep_dtype(as_on(alias, fake_device()).storage());
    impl->set_sizes_and_strides(alias.sizes(), alias.strides());
  }
  at::Tensor to_device(const at::Tensor& result) const {
    for (const auto& [alias, original] : originals_) {
      if (alias.is_same(result)) return original;
    }
    return result.defined() ? as_on(result, fake_device()) : result;
  }
  void to_device(c10::IValue& value) const {
    if (value.isTensor()) {
      value = to_device(value.toTensor());
    } else if (value.isTensorList()) {
      std::vector<at::Tensor> list;
      for (const at::Tensor& t : value.toTensorVector()) list.push_back(to_device(t));
      value = list;
    }
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack& stack_;
  std::vector<std::pair<at::Tensor, at::Tensor>> originals_;  // on the host, as given
  bool any_fake_ = false, any_host_ = false;
};

void run_on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) { Call(op, *stack).run(); }

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const bool is_read = is_fake(from) && !is_fake(to), is_sent = !is_fake(from) && is_fake(to);
  if ((is_read && !(non_blocking && to.is_pinned())) || (is_sent && !non_blocking)) ++waits;
  on_host(to).copy_(on_host(from));
  return to;
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, c10::SymIntArrayRef stride,
                       c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation, bool transposed,
                       c10::SymIntArrayRef output_padding, c10::SymInt groups) {
  const auto offset = bias ? std::optional(on_host(*bias)) : bias;
  return as_on(at::convolution_symint(on_host(x), on_host(weight), offset, stride, padding,
                                      dilation, transposed, output_padding, std::move(groups)),
               fake_device());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
    c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
    bool transposed, c10::SymIntArrayRef output_padding, c10::SymInt groups,
    std::array<bool, 3> wanted) {
  const std::array<c10::SymInt, 1> bias_sizes = {weight.sym_size(0)};
  auto [dx, dw, db] = at::convolution_backward_symint(
      on_host(gradient), on_host(x), on_host(weight), c10::SymIntArrayRef(bias_sizes), stride,
      padding, dilation, transposed, output_padding, std::move(groups), wanted);
  const auto back = [](const at::Tensor& t) { return t.defined() ? as_on(t, fake_device()) : t; };
  return {back(dx), back(dw), back(db)};
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("_copy_from", &copy_from);
  m.impl("record_stream", [](at::Tensor&, c10::Stream) {});
  m.impl("convolution_overrideable", &convolution);
  m.impl("convolution_backward_overrideable", &convolution_backward);
}

}  // namespace

at::Device fake_device() {
  static const bool is_registered = [] {
    setenv("CUDA_VISIBLE_DEVICES", "", /*overwrite=*/1);
    static DeviceMemory memory;
    static Hooks hooks;
    c10::register_privateuse1_backend("fake");
    c10::SetAllocator(kFake, &memory);
    at::RegisterPrivateUse1HooksInterface(&hooks);
    return true;
  }();
  (void)is_registered;
  return {kFake, 0};
}

at::Device other_device() {
  const char* named = std::getenv("CONCERTINA_TEST_DEVICE");
  if (named == nullptr) return fake_device();
  at::globalContext().setAllowTF32CuDNN(false);  // for comparisons with the CPU
  return at::Device(named);
}

int64_t host_waits() { return waits; }

}  // namespace concertina::testing

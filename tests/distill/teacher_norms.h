// Forward passes of teachers, counted.
#pragma once

#include <ATen/record_function.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace concertina::testing {

// The LayerNorms in `run` whose weight is not trained: those of teachers, of which each encoder layer has
// two and what is before the layers one or two.
inline int64_t teacher_norms_in(const std::function<void()>& run) {
  static std::atomic<int64_t> count;
  count = 0;
  const auto handle = at::addGlobalCallback(
      at::RecordFunctionCallback(
          [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
            if (std::string(function.name()) != "aten::layer_norm") return nullptr;
            const c10::IValue& weight = function.inputs().at(2);
            if (weight.isTensor() && weight.toTensor().defined() &&
                !weight.toTensor().requires_grad())
              ++count;
            return nullptr;
          })
          .needsInputs(true)
          .scopes({at::RecordScope::FUNCTION}));
  run();
  at::removeCallback(handle);
  return count;
}

}  // namespace concertina::testing

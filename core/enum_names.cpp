#include "core/enum_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.h"

namespace concertina::detail {

void fail_unknown_name(std::string_view what, std::string_view name,
                       std::span<const std::string_view> names) {
  const std::vector<std::string> known(names.begin(), names.end());
  throw InputError(fmt::format("{} is '{}'{}: expected one of {}", what, name,
                               did_you_mean(name, known), fmt::join(known, ", ")));
}

}  // namespace concertina::detail

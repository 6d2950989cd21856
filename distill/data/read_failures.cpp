#include "distill/data/read_failures.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"

namespace concertina {

ReadFailures::ReadFailures(size_t clips) : clips_(clips) {}

void ReadFailures::retry(Rng& rng, const Rng& augmentation_rng, const Read& read) {
  const Rng again = augmentation_rng.fork("again");
  for (int32_t attempt = 0;; ++attempt) {
    const auto number = static_cast<uint64_t>(attempt);
    Rng drawn = rng, retry_rng = again.fork("place", number);
    try {
      read(attempt, drawn, attempt == 0 ? augmentation_rng : again.fork("row", number), retry_rng);
      rng = drawn;
      return;
    } catch (const Error& error) {
      note(error, attempt);
    }
  }
}

void ReadFailures::note(const Error& error, int32_t attempt) {
  const std::scoped_lock lock(mutex_);
  const std::string what = error.what();
  const bool is_new = failed_.insert(what.substr(0, what.find(": "))).second;
  if (failed_.size() > std::max<size_t>(1, clips_ / kOneIn)) {
    throw SystemError(
        fmt::format("{} of {} clips cannot be read, which is more than 1 in {}; the last one: {}",
                    failed_.size(), clips_, kOneIn, error.what()));
  }
  if (attempt >= kMaxAttempts) throw Error(error);
  if (is_new) log_warn("{}: skipped, another clip is read instead", error.what());
}

}  // namespace concertina

#include "distill/data/read_failures.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"

namespace concertina {

ReadFailures::ReadFailures(size_t clips) : clips_(clips) {}

void ReadFailures::fill(Rng& rng, const Rng& augmenting, const Read& read) {
  const Rng again = augmenting.fork("again");
  for (int32_t tries = 0;; ++tries) {
    const auto number = static_cast<uint64_t>(tries);
    Rng drawn = rng, place = again.fork("place", number);
    try {
      read(tries, drawn, tries == 0 ? augmenting : again.fork("row", number), place);
      rng = drawn;
      return;
    } catch (const Error& error) {
      note(error, tries);
    }
  }
}

void ReadFailures::note(const Error& error, int32_t tries) {
  const std::scoped_lock lock(mutex_);
  const std::string what = error.what();
  const bool fresh = seen_.insert(what.substr(0, what.find(": "))).second;
  if (seen_.size() > std::max<size_t>(1, clips_ / kOneIn)) {
    throw SystemError(
        fmt::format("{} of {} clips cannot be read, which is more than 1 in {}; the last one: {}",
                    seen_.size(), clips_, kOneIn, error.what()));
  }
  if (tries >= kMostTries) throw Error(error);
  if (fresh) log_warn("{}: skipped, another clip is read in its place", error.what());
}

}  // namespace concertina

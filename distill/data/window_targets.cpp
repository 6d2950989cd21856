#include "distill/data/window_targets.h"

#include <algorithm>
#include <utility>

namespace concertina {
namespace {

constexpr int64_t kMostBytes = int64_t{256} << 20;

}  // namespace

WindowTargets::WindowTargets(TargetSource source, CacheDtype dtype)
    : source_(std::move(source)),
      dtype_(dtype),
      rows_(source_.sorted_rows()),
      windows_(target_windows(source_.clips, source_.student, source_.batch)) {
  columns_ = columns_of(source_, rows_);
}

at::Tensor WindowTargets::read(int64_t first_frame, int64_t frames) const {
  const std::scoped_lock lock(mutex_);
  at::Tensor targets = at::zeros({frames, width_of(columns_)});
  const auto after = std::ranges::upper_bound(windows_, first_frame, {}, &TargetWindow::kept_first);
  auto window = static_cast<size_t>(after - windows_.begin());
  if (window > 0) --window;
  for (; window < windows_.size() && windows_[window].kept_first < first_frame + frames; ++window) {
    const TargetWindow& w = windows_[window];
    const int64_t begin = std::max(first_frame, w.kept_first);
    const int64_t count = std::min(first_frame + frames, w.kept_first + w.kept_frames) - begin;
    if (count <= 0) continue;
    targets.narrow(0, begin - first_frame, count)
        .copy_(targets_of(window).narrow(0, begin - w.kept_first, count));
  }
  return targets;
}

at::Tensor WindowTargets::targets_of(size_t window) const {
  const auto found = computed_.find(window);
  if (found != computed_.end()) return restored_rows(found->second, columns_);
  const TargetWindow& w = windows_[window];
  const at::Tensor all = window_rows(source_, rows_, {&w, 1})[0];
  const StoredRows rows =
      stored_rows(all.narrow(0, w.kept_first - w.first, w.kept_frames), columns_, dtype_);
  const auto bytes = static_cast<int64_t>(rows.values.nbytes());
  if (bytes_ + bytes <= kMostBytes) {
    computed_[window] = rows;
    bytes_ += bytes;
  }
  return restored_rows(rows, columns_);
}

}  // namespace concertina

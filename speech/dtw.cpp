#include "speech/dtw.h"

#include <algorithm>
#include <compare>
#include <vector>

#include "core/errors.h"

namespace concertina {
namespace {

struct WarpingPath {
  double cost = 0;
  int64_t pairs = 0;
  auto operator<=>(const WarpingPath&) const = default;
};

void check_matrix(const CostMatrix& matrix) {
  CONCERTINA_ASSERT(matrix.rows > 0 && matrix.columns > 0 && matrix.stride >= matrix.columns);
}

}  // namespace

double dtw_distance(const CostMatrix& matrix) {
  check_matrix(matrix);
  std::vector<WarpingPath> row(static_cast<size_t>(matrix.columns));
  for (int64_t i = 0; i < matrix.rows; ++i) {
    WarpingPath diagonal;  // of the row before, one column to the left
    for (int64_t j = 0; j < matrix.columns; ++j) {
      WarpingPath& here = row[static_cast<size_t>(j)];
      const WarpingPath above = here;
      WarpingPath best;
      if (i > 0 && j > 0) {
        best = std::min({diagonal, above, row[static_cast<size_t>(j - 1)]});
      } else if (i > 0) {
        best = above;
      } else if (j > 0) {
        best = row[static_cast<size_t>(j - 1)];
      }
      here = {best.cost + matrix.row(i)[j], best.pairs + 1};
      diagonal = above;
    }
  }
  return row.back().cost / static_cast<double>(row.back().pairs);
}

double subsequence_dtw_distance(const CostMatrix& matrix) {
  check_matrix(matrix);
  const auto columns = static_cast<size_t>(matrix.columns);
  std::vector<float> before(matrix.row(0), matrix.row(0) + matrix.columns);
  std::vector<float> now(columns);
  for (int64_t i = 1; i < matrix.rows; ++i) {
    const float* cost = matrix.row(i);
    now[0] = before[0] + cost[0];
    if (columns > 1) now[1] = std::min(before[1], before[0]) + cost[1];
    for (size_t j = 2; j < columns; ++j)
      now[j] = std::min(std::min(before[j], before[j - 1]), before[j - 2]) + cost[j];
    before.swap(now);
  }
  return static_cast<double>(std::ranges::min(before)) / static_cast<double>(matrix.rows);
}

}  // namespace concertina

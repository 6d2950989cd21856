// Error rates of recognised sequences: edit distance (Levenshtein 1966), as jiwer and s3prl count it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace concertina {

// The fewest insertions, deletions and substitutions that make one sequence of the other.
template <class T>
int64_t edit_distance(std::span<const T> reference, std::span<const T> hypothesis) {
  std::vector<int64_t> row(hypothesis.size() + 1);
  std::iota(row.begin(), row.end(), int64_t{0});
  for (size_t i = 0; i < reference.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t j = 0; j < hypothesis.size(); ++j) {
      const int64_t same = diagonal + (reference[i] == hypothesis[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({same, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace concertina

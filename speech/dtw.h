// Dynamic time warping on a matrix of costs. Plain numbers, no tensors.
#pragma once

#include <cstdint>

namespace concertina {

// Costs of frame pairs; not owned.
struct CostMatrix {
  const float* costs = nullptr;
  int64_t rows = 0, columns = 0;  // at least 1
  int64_t stride = 0;             // from a row to the next
  const float* row(int64_t i) const { return costs + i * stride; }
};

// The mean cost along the cheapest path from the first pair to the last, by steps (1,0), (0,1) and
// (1,1), each weighing 1 (Sakoe & Chiba 1978); of equally cheap paths the shortest counts.
double dtw_distance(const CostMatrix& matrix);

// The whole of the rows (a query) in any part of the columns (a document): each row is matched with
// one column, 0, 1 or 2 further than the row before. The mean cost of the cheapest match (steps
// "asymmetric" of R's dtw package with both ends open, as s3prl scores query by example).
double subsequence_dtw_distance(const CostMatrix& matrix);

}  // namespace concertina

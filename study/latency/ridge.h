// Ridge regression with non-negative weights, for tens of columns.
#pragma once

#include <span>
#include <vector>

namespace concertina {

// The w >= 0 that minimises w' G w / 2 - m' w, with G = `gram` (square, row-major, positive
// definite) and m = `moment`: ridge regression when G = X'X + lambda I and m = X'y. Active sets on
// the normal equations (Lawson and Hanson 1974; Bro and De Jong 1997). NumericError when G is
// degenerate.
std::vector<double> solve_non_negative(std::span<const double> gram,
                                       std::span<const double> moment);

}  // namespace concertina

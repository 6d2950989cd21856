// Ridge regression with closed-form leave-one-out residuals, for tens of columns. Torch-free.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace concertina {

struct Ridge {
  std::vector<double> weights;   // one for each column
  std::vector<double> held_out;  // one for each row: residual / (1 - leverage)
  double loss = 0;               // sum of the squares of held_out
};

// Minimises |rows w - target|^2 + lambda |w|^2. `rows` is row-major, target.size() rows.
// `base_leverage` is what each row's leverage has beside these columns, e.g. that of an intercept
// taken out before. The solution is not finite where the columns are degenerate and lambda is 0.
Ridge solve_ridge(std::span<const double> rows, std::span<const double> target,
                  std::span<const double> base_leverage, double lambda);

}  // namespace concertina

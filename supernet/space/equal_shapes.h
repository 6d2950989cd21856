// Members of a space with equal parameters, from narrow and deep to wide and shallow: the sweep of Deep
// versus wide (Ashihara et al. 2022) inside one supernet, where data, objective and training are the same.
#pragma once

#include <cstdint>
#include <vector>

#include "supernet/space/search_space.h"

namespace concertina {

struct EqualShape {
  Architecture architecture;
  int64_t params = 0;
};

struct EqualShapesOptions {
  int64_t params = 0;       // 0: the number for which there are the most shapes
  double tolerance = 0.03;  // parameters are within +-tolerance of `params`
  int64_t count = 8;        // of shapes at most, spread over depth / width
};

// The member closest to `params` for each pair of a depth and an embedding width that has one: all layers
// have the heads of one choice; FFN widths of neighbouring choices differ by layer where that comes closer.
// Front end, frame period, window and kind of attention are those of the default. Ascending by depth / width. InputError when fewer
// than two fit.
std::vector<EqualShape> equal_shapes(const SearchSpace& space, const EqualShapesOptions& options);

}  // namespace concertina

// The stored tensors of a supernet: which shape they have, and how a subnet's are sliced from them.
#pragma once

#include "supernet/space/architecture.h"

namespace concertina {

enum class SlicingRule {
  // Leading rows and columns; FFN neurons 0..F-1; positional conv channels in groups c mod groups.
  kPrefix,
  // FFN block-interleave; positional conv normalised on the full weight, then regrouped.
  kLightHubert,
};

struct Storage {
  Architecture shape;  // of the stored tensors: at least as wide and deep as every member
  SlicingRule rule = SlicingRule::kPrefix;
};

}  // namespace concertina

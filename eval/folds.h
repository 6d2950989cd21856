// Layer and shrinkage of a probe, chosen inside the training data: by cross-validation over folds
// of whole clips, so that the scored split chooses nothing. What a fold would cost as held-out data
// follows in closed form from the sums of the others, so each frame is seen once. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "eval/probes.h"
#include "speech/manifest.h"

namespace concertina {

inline constexpr int32_t kFolds = 4;

// The fold, below kFolds, of each of `clips` (indices into the manifest). Clips of one group stay
// together; without groups, clips of one speaker; where that leaves one unit, single clips. Units
// are dealt the largest first to the fold that has least of their speakers, so that speakers with
// several units are in several folds. Depends on the clips' names and sizes of their units only.
std::vector<int32_t> deal_folds(const Manifest& manifest, std::span<const int64_t> clips);

// Sums of one layer's training frames, fold by fold: kFolds * D * D doubles.
class FoldSums {
 public:
  explicit FoldSums(int64_t classes) : classes_(classes) {}
  void add(int32_t fold, const at::Tensor& features, const at::Tensor& labels);  // as ProbeSums'

  ProbeSums all() const;  // of what was added; at least one frame
  int64_t used() const;   // folds that something was added to
  // Mean squared error of each ridge penalty on frames that its fit did not see: infinite when all
  // frames are of one fold.
  std::vector<double> held_out_errors(std::span<const double> penalties) const;

 private:
  int64_t classes_;
  std::vector<ProbeSums> folds_;
};

struct ChosenProbes {
  int64_t layer = 0, folds = 0;
  LinearProbe ridge, lda;  // fitted on all folds
  // "layer 2, shrinkage 0.001, chosen on 4 folds of train"
  std::string setting(ProbeKind kind, const std::string& layer_name) const;
};

// The layer and the shrinkage of ridge with the least held-out error; on that layer, LDA's
// shrinkage by the error of its equivalent ridge regression. `sums_of(layer)` is asked once a
// layer.
ChosenProbes choose_probes(int64_t layers, const std::function<FoldSums(int64_t)>& sums_of);

}  // namespace concertina

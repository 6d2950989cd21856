// Layer and shrinkage of a probe, chosen inside the training data: by cross-validation over folds
// of whole clips, so that the scored split chooses nothing. A fold's probes are solved from the
// sums of the other folds, and their accuracy is taken on frames of it that were kept, so each
// frame is computed once. Not thread-safe.
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

// Clips with equal names stay together: those of one group; without groups, of one speaker; without
// both, each is its own.
std::string fold_unit(const Clip& clip);

// The fold, below kFolds, of each of `clips` (indices into the manifest). Clips of one group stay
// together; without groups, clips of one speaker; where that leaves one unit, single clips. Units
// are dealt the largest first to the fold that has least of their speakers, so that speakers with
// several units are in several folds. Depends on the clips' names and sizes of their units only.
std::vector<int32_t> deal_folds(const Manifest& manifest, std::span<const int64_t> clips);

// Frames of a fold, at most about, that accuracy is taken on.
inline constexpr int64_t kHeldOutFrames = 2000;

// One layer's training frames, fold by fold: sums (kFolds * D * D doubles), and every `every`-th
// frame itself.
class FoldSums {
 public:
  explicit FoldSums(int64_t classes, int64_t every = 1) : classes_(classes), every_(every) {}
  void add(int32_t fold, const at::Tensor& features, const at::Tensor& labels);  // as ProbeSums'

  ProbeSums all() const;  // of what was added; at least one frame
  // The same frames with features x P, P [D, W] double.
  FoldSums projected(const at::Tensor& projection) const;
  int64_t used() const;  // folds that something was added to
  // Accuracy, 0 to 1, of the probe of each shrinkage on frames that its fit did not see: 0 when all
  // frames are of one fold.
  std::vector<double> held_out_accuracies(ProbeKind kind, std::span<const double> shrinkages) const;

 private:
  struct Fold {
    ProbeSums sums;
    std::vector<at::Tensor> features, labels;  // kept frames: [n, D] float, [n] int64
  };
  int64_t classes_, every_;
  int64_t seen_ = 0;  // frames
  std::vector<Fold> folds_;
};

// [D, width] double: features are scaled to unit variance and mapped by a fixed Gaussian matrix, of
// which the first rows are those of narrower features. The same in every run.
at::Tensor gaussian_projection(const ProbeSums& sums, int64_t width);

struct ChosenProbe {
  int64_t layer = 0, folds = 0;
  int64_t width = 0;  // of the projection that it reads; 0: the features themselves
  LinearProbe probe;  // fitted on all folds; acts on the features themselves in both cases
  std::vector<double> accuracies;  // of each layer, 0 to 1: held out, with its best shrinkage
  // "layer 2, shrinkage 0.001, chosen on 4 folds of train"
  std::string setting(const std::string& layer_name) const;
};

// For each kind, in order, the layer and the shrinkage with the highest held-out accuracy; of equal
// ones the lower layer and the stronger shrinkage. `sums_of(layer)` is called once per layer, in
// several threads.
// Where `width` is not 0, the same again of probes that read a projection of each layer to that
// width, if it has more channels: a wider layer helps a probe even untrained.
std::vector<ChosenProbe> choose_probes(std::span<const ProbeKind> kinds, int64_t layers,
                                       const std::function<FoldSums(int64_t)>& sums_of,
                                       int64_t width = 0);

}  // namespace concertina

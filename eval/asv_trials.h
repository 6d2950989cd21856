// Inside eval: the trials of speaker verification, always of clips of two groups.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "eval/metrics.h"
#include "eval/task.h"

namespace concertina {

struct Speaking {
  int64_t clip = 0;  // index into the manifest
  int64_t speaker = 0;
  std::string group;
};

// Trials of one split and the clips they compare, by their place in `clips`.
struct TrialSet {
  std::vector<Speaking> clips;
  std::vector<VerificationTrial> trials;
};

// Of the clips of `picked` in `split` that are 1.5 s or longer, as many as the options' fidelity
// says. Fixed by the clips alone: uniform over the pairs of each kind, without repeats, as many as
// there are at most.
TrialSet trials_of(const Manifest& manifest, const SpeakerClips& picked, const TaskOptions& options,
                   Split split);
// "" when there are trials of both kinds.
std::string what_trials_miss(const TrialSet& set, Split split);

// `trials` with the cosine of their embeddings [n, D] as score.
std::vector<VerificationTrial> scored_by_cosine(std::vector<VerificationTrial> trials,
                                                const at::Tensor& embeddings);

// PLDA of embeddings, with what it was chosen by.
struct PldaTrials {
  std::vector<VerificationTrial> trials;
  int64_t layer = 0, folds = 0;
  double shrinkage = 0;
  std::vector<double> rates;  // of each layer: equal error rate on folds of train
};
// Embeddings [n, L, D] of both sets. Layer and shrinkage are those with the lowest equal error rate
// on train's trials between speakers of a fold, by a fit on the speakers of the others; with fewer
// than four speakers, the first layer and the strongest shrinkage. The scored trials are compared by
// a fit on all of train.
PldaTrials scored_by_plda(const TrialSet& training, const at::Tensor& of_training,
                          const TrialSet& scored, const at::Tensor& of_scored);

}  // namespace concertina

// Inside eval: recognition of sequences (phones, characters) by SUPERB's probe, trained with CTC
// (eval/ctc_probe.h) on all of train and decoded greedily. Such a task has no other probe:
// TaskKind::trained_only. Memory: eval/clip_cache.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/task.h"

namespace concertina {

struct SequenceClip {
  bool training = false;
  int32_t fold = 0;              // of training clips
  std::vector<int64_t> symbols;  // classes from 1 (0 is kBlank); at least one
};

// What one clip counts for a rate: errors / total.
struct SequenceErrors {
  double errors = 0, total = 0;
};

struct SequenceMetric {
  std::string name;
  std::function<SequenceErrors(std::span<const int64_t> reference,
                               std::span<const int64_t> hypothesis)>
      count;
};

struct SequenceData {
  std::map<int64_t, SequenceClip> clips;  // by index into the manifest
  int64_t symbols = 0;  // the largest class of train; scored clips may have larger ones
  std::vector<SequenceMetric> metrics;
};

std::unique_ptr<const Task> sequence_task(SequenceData data);

// Edits of the symbols over those of the reference: phone error rate, character error rate.
SequenceErrors symbol_errors(std::span<const int64_t> reference,
                             std::span<const int64_t> hypothesis);
// Of the words between symbols `space`.
SequenceErrors word_errors(std::span<const int64_t> reference, std::span<const int64_t> hypothesis,
                           int64_t space);

}  // namespace concertina

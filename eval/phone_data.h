// Inside eval: the clips with phone labels that tasks on phones take (pr, abx, per).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "eval/task.h"

namespace concertina {

inline constexpr int64_t kNoPhone = -1;

struct PhoneClip {
  Split split = Split::kTrain;
  int32_t fold = 0;              // of training clips
  std::vector<double> ends_s;    // of its segments, ascending; the first begins at 0
  std::vector<int64_t> classes;  // of its segments

  int64_t at(double time_s) const;                               // kNoPhone after the last segment
  at::Tensor frame_classes(const ClipFeatures& features) const;  // at frame centres, [T] int64
};

struct PhoneData {
  std::map<int64_t, PhoneClip> clips;  // by index into the manifest
  std::vector<std::string> labels;     // sorted; a class is an index

  std::vector<int64_t> of(Split split) const;  // indices into the manifest
  std::set<int64_t> classes_of(Split split) const;
};

// Of train every pr_every-th clip with labels, of `split` all; then as many as the fidelity says.
// Clips without a label for their first frames are left out. Folds are dealt among train.
PhoneData read_phone_data(const Manifest& manifest, const TaskOptions& options, Split split);

// Why phones cannot be learnt in train and scored in `split`: a sentence that names the column, or "".
std::string missing_phones(const PhoneData& data, Split split);

// TaskKind::facts and test_facts of tasks on phones.
Facts phone_facts(const Manifest& manifest, const TaskOptions& options);
Facts test_phone_facts(const Manifest& manifest);

}  // namespace concertina

// The teacher's rows of windows of joined clips (distill/data/target_windows.h).
#pragma once

#include <ATen/ATen.h>

#include <span>
#include <string>
#include <vector>

#include "distill/data/options.h"
#include "distill/data/target_windows.h"
#include "distill/data/targets.h"
#include "distill/objective/objective.h"
#include "speech/joined_clips.h"

namespace concertina {

struct TargetSource {
  const JoinedClips& clips;
  std::vector<Subnet> teachers;  // on the device they run on, all of one base frame period
  Blueprint student;             // whose frames the rows are for
  std::vector<Row> rows;         // none of a masked pass; at least one
  BatchOptions batch;            // of training: determines the length of a window
  std::string fingerprint;       // of data, teachers and dtype; part of a cache file's name

  at::Device device() const { return teachers.front().tensors.begin()->second.device(); }
  std::vector<Row> sorted_rows() const;  // without repetitions, in one order for one set of rows
};

std::vector<TargetColumn> columns_of(const TargetSource& source, const std::vector<Row>& rows);
// Of windows of one length, the rows side by side, context included: [windows, T, D] fp32 on the CPU.
at::Tensor window_rows(const TargetSource& source, const std::vector<Row>& rows,
                       std::span<const TargetWindow> windows);

}  // namespace concertina

// The teachers that run in the steps of a training, for the rows that no cache has. Not thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "distill/data/batch_source.h"
#include "distill/objective/rows.h"
#include "distill/train/drop_masked.h"
#include "distill/train/snapshots.h"
#include "supernet/model/supernet.h"

namespace concertina {

class LiveTeachers {
 public:
  // Copies of their largest architectures. `snapshots`: of teachers that change over the steps, by their
  // position.
  LiveTeachers(const std::vector<Supernet>& teachers, std::map<size_t, SnapshotSchedule> snapshots,
               at::ScalarType dtype, at::Device device);

  // Reads the snapshots of this share of the steps, where others were in use; nothing: of their end.
  // InputError and SystemError as load_model().
  void use_snapshots(std::optional<double> progress);

  // The rows of a batch and those of `wanted` that it does not have, each [B, T, dim] fp32, frame by frame
  // of `student`. With DropMasked::kBoth the teachers read visible frames only.
  Rows rows(const std::vector<Row>& wanted, const TrainingBatch& batch, const Blueprint& student,
            DropMasked drop) const;

 private:
  Subnet copied(const Supernet& teacher) const;

  std::map<size_t, SnapshotSchedule> snapshots_;
  at::ScalarType dtype_;
  at::Device device_;
  std::vector<Subnet> teachers_;
  std::map<size_t, size_t> in_use_;  // snapshot of each teacher of snapshots_
};

}  // namespace concertina

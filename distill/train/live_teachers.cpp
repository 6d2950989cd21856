#include "distill/train/live_teachers.h"

#include <utility>

#include "distill/objective/visible_rows.h"
#include "supernet/model/model_file.h"

namespace concertina {

LiveTeachers::LiveTeachers(const std::vector<Supernet>& teachers,
                           std::map<size_t, SnapshotSchedule> snapshots, at::ScalarType dtype,
                           at::Device device)
    : snapshots_(std::move(snapshots)), dtype_(dtype), device_(device) {
  for (const Supernet& teacher : teachers) teachers_.push_back(copied(teacher));
}

Subnet LiveTeachers::copied(const Supernet& teacher) const {
  const Supernet there = teacher.to(device_);
  return copy_of(there.slice(there.space().largest(), dtype_));
}

void LiveTeachers::use_snapshots(std::optional<double> progress) {
  for (const auto& [teacher, schedule] : snapshots_) {
    const size_t wanted = schedule.at(progress);
    const auto found = in_use_.find(teacher);
    if (found != in_use_.end() && found->second == wanted) continue;
    teachers_.at(teacher) = copied(load_model(schedule.snapshots[wanted].model));
    in_use_[teacher] = wanted;
  }
}

Rows LiveTeachers::rows(const std::vector<Row>& wanted, const TrainingBatch& batch,
                        const Blueprint& student, DropMasked drop) const {
  std::vector<Row> missing;
  for (const Row& row : wanted) {
    if (!batch.rows.contains(name_of(row))) missing.push_back(row);
  }
  Rows rows = batch.rows;
  if (missing.empty()) return rows;
  const at::Tensor& input = batch.clean.defined() ? batch.clean : batch.speech.waveform;
  const bool visible = drop == DropMasked::kBoth && batch.speech.mask.defined();
  rows.merge((visible ? visible_teacher_rows : teacher_rows)(
      missing, teachers_, student, {input, batch.speech.lengths, batch.speech.mask}));
  return rows;
}

}  // namespace concertina

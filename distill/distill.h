// Stages 1 and 2 of the distillation: a student learns from a teacher by one of the objectives of
// distill/objective/objective_kinds.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "distill/options.h"
#include "distill/train/snapshots.h"
#include "distill/train/stage.h"

namespace concertina {

struct NamedTeacher {
  std::string name;
  Supernet model;
  std::optional<SnapshotSchedule> snapshots = {};  // of a teacher that changes; `model` is the last
};

struct DistillInputs {
  int32_t stage = 1;
  const SearchSpace& space;
  const Supernet& teacher;
  const ModelWithHeads* previous = nullptr;  // may be null unless the options ask for it
  const Manifest& manifest;
  std::vector<NamedTeacher> more_teachers = {};  // that the objective names
  // Where the pipeline file names "teacher" and "teachers.NAME" (file:line:column), for messages.
  std::map<std::string, std::string> places = {};
};

// Why a teacher's frames cannot be mapped to the student's; "": they can.
std::string frames_problem(const Blueprint& student, const Blueprint& teacher);

// Why a stage that learns from snapshots has no cache of targets.
std::string cached_snapshots_problem(const std::string& teacher);

// The student has the whole space's storage in both stages; only the sampler differs. Mel
// statistics, units and initial weights always come from the first teacher. Errors: InputError for options that do not fit, else as
// Trainer::run.
StageResult distill_stage(const DistillOptions& options, const DistillInputs& inputs,
                          const StageContext& context);

}  // namespace concertina

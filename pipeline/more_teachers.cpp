#include "pipeline/more_teachers.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "distill/objective/objective_kinds.h"
#include "pipeline/pretrained.h"
#include "pipeline/stage.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

// Of names, which are parts of file names and of row names.
constexpr const char* kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

std::vector<MoreTeacher> named_by(const PipelineConfig& config, const ObjectiveOptions& objective) {
  const std::vector<std::string> names = named_teachers(objective);
  std::vector<MoreTeacher> named;
  for (const MoreTeacher& teacher : config.more_teachers) {
    if (std::ranges::count(names, teacher.name) > 0) named.push_back(teacher);
  }
  return named;
}

std::filesystem::path file_of(const MoreTeacher& teacher, const Workspace& workspace) {
  return teacher.pretrained.empty() ? teacher.model : workspace.more_teacher(teacher.name);
}

NamedTeacher load_snapshots(const MoreTeacher& teacher, const Workspace& workspace) {
  const std::filesystem::path folder =
      teacher.model.empty() ? workspace.teacher_dir() / kSnapshots : teacher.model;
  SnapshotSchedule schedule{teacher.snapshots, find_snapshots(folder)};
  Supernet last = load_model(schedule.snapshots.back().model, Reading::kCopied);
  return {teacher.name, std::move(last), std::move(schedule)};
}

// Of a file, or of the last snapshot of a folder.
Supernet load_given(const MoreTeacher& teacher) {
  if (teacher.snapshots == Guidance::kNone) return load_model(teacher.model);
  return load_model(find_snapshots(teacher.model).back().model);
}

bool is_named(const PipelineConfig& config, const std::string& name) {
  for (const DistillOptions* stage : {&config.stage1, &config.stage2}) {
    if (std::ranges::count(named_teachers(stage->objective), name) > 0) return true;
  }
  return false;
}

void check_model(ConfigSection section, const MoreTeacher& teacher, const Blueprint& student) {
  try {
    const std::string problem = frames_problem(student, load_given(teacher).blueprint());
    if (!problem.empty()) section.problem("model", problem);
  } catch (const Error& error) {
    section.problem("model", error.what());
  }
}

void check_pretrained(ConfigSection section, const MoreTeacher& teacher) {
  try {
    (void)pretrained_model(teacher.pretrained);
  } catch (const InputError& error) {
    section.problem("pretrained", error.what());
  }
}

// "" for snapshots of the first teacher: they are that stage's.
std::string given_hash(const MoreTeacher& teacher) {
  if (teacher.snapshots == Guidance::kNone) return content_hash(teacher.model);
  const std::string guidance(enum_name(teacher.snapshots));
  if (teacher.model.empty()) return guidance;
  return sha256_of(SnapshotSchedule{teacher.snapshots, find_snapshots(teacher.model)});
}

bool is_of_first_teacher(const MoreTeacher& teacher) {
  return teacher.snapshots != Guidance::kNone && teacher.model.empty();
}

void check_snapshots(ConfigSection root, ConfigSection section, const PipelineConfig& config,
                     const MoreTeacher& teacher) {
  const bool pretrains = config.teacher_model.empty() && config.teacher_pretrained.empty() &&
                         config.teacher.train.snapshot_every > 0;
  if (!teacher.pretrained.empty()) {
    section.problem("pretrained", "an encoder to download has no snapshots");
  } else if (is_of_first_teacher(teacher) && !pretrains) {
    section.problem("snapshots",
                    "needs a teacher that is pretrained here with teacher.pretrain.snapshot_every, "
                    "or the snapshots/ of another run as model");
  }
  for (const auto& [name, stage] :
       {std::pair("stage1", &config.stage1), {"stage2", &config.stage2}}) {
    const std::vector<std::string> named = named_teachers(stage->objective);
    if (stage->cache != CacheDtype::kNone && std::ranges::count(named, teacher.name) > 0)
      root.section(name).problem("cache", cached_snapshots_problem(teacher.name));
  }
}

}  // namespace

void fetch_more_teachers(const PipelineConfig& config, const Workspace& workspace,
                         const ObjectiveOptions& objective, const StopToken& stop) {
  for (const MoreTeacher& teacher : named_by(config, objective)) {
    const std::filesystem::path file = file_of(teacher, workspace);
    if (teacher.pretrained.empty() || std::filesystem::exists(file)) continue;
    make_directories(file.parent_path());
    save_model(fetch_pretrained(pretrained_model(teacher.pretrained), workspace.out, stop).model,
               file);
  }
}

std::vector<NamedTeacher> more_teachers(const PipelineConfig& config, const Workspace& workspace,
                                        const ObjectiveOptions& objective) {
  std::vector<NamedTeacher> teachers;
  for (const MoreTeacher& teacher : named_by(config, objective)) {
    if (teacher.snapshots != Guidance::kNone) {
      teachers.push_back(load_snapshots(teacher, workspace));
      continue;
    }
    teachers.push_back({teacher.name, load_model(file_of(teacher, workspace), Reading::kCopied)});
  }
  return teachers;
}

std::string more_teachers_hash(const PipelineConfig& config, const ObjectiveOptions& objective) {
  std::string text;
  for (const MoreTeacher& teacher : named_by(config, objective)) {
    text += fmt::format("{} {} {}\n", teacher.name, teacher.pretrained, given_hash(teacher));
  }
  return text;
}

void check_more_teachers(ConfigSection root, const PipelineConfig& config) {
  std::vector<ConfigSection> sections = root.list("teachers");
  const bool trains = root.has("stage1") || root.has("stage2");
  for (size_t i = 0; i < config.more_teachers.size(); ++i) {
    const MoreTeacher& teacher = config.more_teachers[i];
    ConfigSection& section = sections[i];
    const auto before = config.more_teachers.begin() + static_cast<std::ptrdiff_t>(i);
    const auto same = [&](const MoreTeacher& other) { return other.name == teacher.name; };
    if (teacher.name.empty()) {
      section.problem("name", "is missing: objectives name the teachers that they learn from");
    } else if (teacher.name.find_first_not_of(kNameCharacters) != std::string::npos) {
      section.problem("name", "expected letters, digits, '-', '_' and '.'");
    } else if (teacher.name == kFirstTeacher ||
               std::any_of(config.more_teachers.begin(), before, same)) {
      section.problem("name", fmt::format("there is another teacher '{}'", teacher.name));
    } else if (teacher.snapshots == Guidance::kNone &&
               teacher.model.empty() == teacher.pretrained.empty()) {
      section.problem("name", "give either its model or one to download (pretrained)");
    } else if (trains && !is_named(config, teacher.name)) {
      section.problem("name", "no objective of stage1 or stage2 has it among its teachers");
    }
    if (teacher.snapshots != Guidance::kNone) check_snapshots(root, section, config, teacher);
    if (!teacher.model.empty()) check_model(section, teacher, config.space.blueprint());
    if (!teacher.pretrained.empty()) check_pretrained(section, teacher);
  }
}

std::vector<TeacherSize> teacher_sizes(const PipelineConfig& config, TeacherSize first) {
  std::vector<TeacherSize> sizes = {std::move(first)};
  for (const MoreTeacher& teacher : config.more_teachers) {
    TeacherSize size{.name = teacher.name};
    if (is_of_first_teacher(teacher)) {
      size = sizes.front();
      size.name = teacher.name;
    }
    const auto fetched =
        std::ranges::find(pretrained_models(), teacher.pretrained, &PretrainedModel::name);
    if (fetched != pretrained_models().end()) size.depth = fetched->depth;
    if (!teacher.model.empty()) {
      try {
        size = size_of(load_given(teacher), teacher.name);
      } catch (const Error&) {  // On purpose: check_more_teachers() reports it
      }
    }
    sizes.push_back(std::move(size));
  }
  return sizes;
}

}  // namespace concertina

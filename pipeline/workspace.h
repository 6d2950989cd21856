// Where a pipeline's files are. Each training stage has a folder with its effective config.yaml,
// metrics and checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace concertina {

struct Workspace {
  std::filesystem::path out;  // --out

  std::filesystem::path config() const { return out / "config.yaml"; }
  std::filesystem::path stamps() const { return out / "stamps"; }
  std::filesystem::path teacher_dir() const { return out / "teacher"; }
  std::filesystem::path teacher() const { return teacher_dir() / "model.safetensors"; }
  std::filesystem::path teacher_objective() const {
    return teacher_dir() / "objective.safetensors";
  }
  std::filesystem::path more_teacher(const std::string& name) const;  // one that was downloaded
  std::filesystem::path stage_dir(int32_t stage) const;               // of distillation: 1 or 2
  std::filesystem::path student(int32_t stage) const;
  std::filesystem::path objective(int32_t stage) const;  // the student's prediction heads
  std::filesystem::path sort_dir() const { return out / "sort"; }
  std::filesystem::path sorted() const { return sort_dir() / "model.safetensors"; }
  std::filesystem::path sorted_objective() const { return sort_dir() / "objective.safetensors"; }
  std::filesystem::path study() const { return out / "study.db"; }
  std::filesystem::path old_study() const;  // the first free one of study-1.db, study-2.db, ...
  std::filesystem::path scores() const { return out / "scores.json"; }
  std::filesystem::path subnet() const { return out / "subnet.safetensors"; }
  std::filesystem::path report() const { return out / "report.html"; }
};

// runs/NAME for a pipeline file NAME.yaml.
std::filesystem::path default_workspace(const std::filesystem::path& pipeline_file);

}  // namespace concertina

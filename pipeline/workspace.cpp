#include "pipeline/workspace.h"

#include <fmt/format.h>

namespace concertina {

std::filesystem::path Workspace::stage_dir(int32_t stage) const {
  return out / fmt::format("stage{}", stage);
}

std::filesystem::path Workspace::student(int32_t stage) const {
  return stage_dir(stage) / "model.safetensors";
}

std::filesystem::path Workspace::objective(int32_t stage) const {
  return stage_dir(stage) / "objective.safetensors";
}

std::filesystem::path Workspace::more_teacher(const std::string& name) const {
  return out / "teachers" / (name + ".safetensors");
}

std::filesystem::path Workspace::old_study() const {
  for (int32_t n = 1;; ++n) {
    std::filesystem::path path = out / fmt::format("study-{}.db", n);
    if (!std::filesystem::exists(path)) return path;
  }
}

std::filesystem::path default_workspace(const std::filesystem::path& pipeline_file) {
  return std::filesystem::path("runs") / pipeline_file.stem();
}

}  // namespace concertina

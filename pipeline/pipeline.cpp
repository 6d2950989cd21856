#include "pipeline/pipeline.h"

#include <utility>

namespace concertina {

std::string Pipeline::section(std::string_view name) const {
  const auto found = sections.find(name);
  return found == sections.end() ? "" : found->second;
}

Pipeline parse_pipeline(ConfigFile& file, const std::filesystem::path& path, Workspace workspace) {
  Pipeline pipeline{PipelineConfig::parse(file), std::move(workspace), {}};
  pipeline.config.file = path;
  for (const char* name :
       {"corpus", "teacher", "stage1", "sort", "stage2", "latency", "search", "tasks", "report"}) {
    if (file.root().has(name)) pipeline.sections[name] = file.root().section(name).dump();
  }
  return pipeline;
}

}  // namespace concertina

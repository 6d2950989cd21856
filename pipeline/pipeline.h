// A pipeline file and the workspace it is run in: what stages are made from.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "pipeline/pipeline_config.h"
#include "pipeline/workspace.h"

namespace concertina {

struct Pipeline {
  PipelineConfig config;
  Workspace workspace;
  std::map<std::string, std::string, std::less<>> sections;  // canonical YAML of each section given

  std::string section(std::string_view name) const;  // "" when it is not given
};

// `path`: of the pipeline file. InputError with every problem of the file.
Pipeline parse_pipeline(ConfigFile& file, const std::filesystem::path& path, Workspace workspace);

}  // namespace concertina

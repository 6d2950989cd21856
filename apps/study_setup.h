// How the latency and search stages come by their study.
#pragma once

#include <string>
#include <vector>

#include "apps/stages.h"
#include "db/study_file.h"
#include "supernet/model/supernet.h"

namespace concertina {

// The registry's metrics of these names. InputError names the nearest for one that is unknown or a
// measured time, which a search cannot be led by; `where` is the config key.
std::vector<MetricInfo> metrics_named(const std::vector<std::string>& names,
                                      const std::string& where);

// The workspace's study, begun when there is none. InputError when the one there is about another
// supernet, space, seed, data or objectives.
StudyFile open_or_begin_study(const PipelineConfig& config, const Workspace& space,
                              const Supernet& supernet, const Manifest& manifest);
std::string versions_json();  // of the program, LibTorch and the compiler

}  // namespace concertina

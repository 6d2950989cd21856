// Latency measurements and the latency model in a study: what the latency stage, the search and the
// latency verbs share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"
#include "eval/latency.h"
#include "study/latency/model.h"
#include "study/study_file.h"

namespace concertina {

struct PipelineConfig;
struct Workspace;

// profile_latency() with a progress bar.
std::vector<LatencyPoint> profile_with_progress(const Supernet& supernet,
                                                const std::vector<Architecture>& architectures,
                                                const LatencyOptions& options,
                                                const StopToken& stop);
// Fits the model to these times and puts it into the study, with a log line on its held-out error.
void fit_latency_model(StudyFile& study, const Blueprint& blueprint,
                       const std::vector<LatencyPoint>& points);
// NoAnswer when the study has none; `path` is for the message.
LatencyModel latency_model_of(const StudyFile& study, const std::string& path);
// A study that holds latencies only, created for the supernet's space when there is none.
StudyFile open_or_create_times(const std::filesystem::path& path, const Supernet& supernet);

// Profiles members of the supernet's space and fits the workspace's latency model. A study that has
// trials keeps its model.
void measure_latency(const PipelineConfig& config, const Workspace& workspace,
                     const StopToken& stop);
// The same, if the study has no model and an objective, a recorded metric or a budget needs one.
void ensure_latency_model(const PipelineConfig& config, const Workspace& workspace,
                          const StopToken& stop);

}  // namespace concertina

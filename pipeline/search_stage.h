// The search over subnets of the trained supernet on dev data; then the reported members of its
// front on test.
#pragma once

#include <vector>

#include "core/stop.h"
#include "supernet/space/architecture.h"

namespace concertina {

struct Pipeline;
struct PipelineConfig;
struct Stage;
struct Workspace;

struct SearchFlags {
  bool resume = true;      // continues with the trials that exist; otherwise InputError
  double max_minutes = 0;  // 0: no time limit
  // Scored on test in addition to named_members().
  std::vector<Architecture> score = {};
};

// Test data are scored only once the search is complete, not when the time limit stopped it.
// InputError when the workspace has another study; Interrupted when a stop was requested: the
// search can be resumed.
void search_subnets(const PipelineConfig& config, const Workspace& workspace, const StopToken& stop,
                    const SearchFlags& flags);
Stage make_search_stage(const Pipeline& pipeline);

}  // namespace concertina

// The search over subnets of the trained supernet on dev data; then the named members of its front on
// test.
#pragma once

#include <vector>

#include "pipeline/pipeline.h"
#include "pipeline/stage.h"

namespace concertina {

struct SearchFlags {
  bool resume = true;                // goes on with the trials that are there; otherwise InputError
  double max_minutes = 0;            // 0: no cap
  std::vector<Architecture> score = {};  // on test too, besides the members that named_members() gives
};

// Test is looked at once the search is complete, not when the cap came first. InputError when the
// workspace's study is another; Interrupted when a stop was asked for: what was committed is resumed.
void search_subnets(const PipelineConfig& config, const Workspace& workspace,
                    const StopToken& stop, const SearchFlags& flags);
Stage make_search_stage(const Pipeline& pipeline);

}  // namespace concertina

// Latency of subnets on this machine and the model that predicts it, into the workspace's study.
#pragma once

#include "pipeline/pipeline.h"
#include "pipeline/stage.h"

namespace concertina {

Stage make_latency_stage(const Pipeline& pipeline);

}  // namespace concertina

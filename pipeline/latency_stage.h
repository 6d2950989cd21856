// Latency of subnets on this machine and the model that predicts it, into the workspace's study.
#pragma once

namespace concertina {

struct Pipeline;
struct Stage;

Stage make_latency_stage(const Pipeline& pipeline);

}  // namespace concertina

// The latency verbs, registered by add_eval_verbs().
#pragma once

#include "apps/verb.h"

namespace concertina {

void add_latency_verbs(CLI::App& app, Globals& globals);

}  // namespace concertina

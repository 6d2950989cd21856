// Import and export of other packages' checkpoints, and the dtype that files are stored in.
#pragma once

#include "apps/verb.h"
#include "supernet/nn/precision.h"

namespace concertina {

// --dtype fp32|bf16|half of the verbs that write models.
void add_storage_dtype(CLI::App& verb, Precision& dtype);

void add_checkpoint_verbs(CLI::App& model, Globals& globals);  // model import, model export

}  // namespace concertina

// Import and export of other packages' checkpoints, and the dtype that files are stored in.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "apps/verb.h"

namespace concertina {

// --dtype fp32|bf16|half of the verbs that write models.
void add_storage_dtype(CLI::App& verb, std::string& dtype);
at::ScalarType storage_dtype(const std::string& name);

void add_checkpoint_verbs(CLI::App& model, Globals& globals);  // model import, model export

}  // namespace concertina

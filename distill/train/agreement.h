// Whether the processes of one run train the same thing. Every process makes each of these calls.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/precision.h"
#include "distill/train/communicator.h"

namespace concertina {

// Everybody's text, by rank.
std::vector<std::string> gather(Communicator& communicator, const std::string& text);

// InputError at every process, with the keys that differ, the ranks and their values, unless all
// have the same recipe (a JSON object), the same `others` and the same version of the program.
void check_same_settings(Communicator& communicator, const std::string& recipe,
                         const std::map<std::string, std::string>& others = {});

// SystemError at every process, with the ranks, unless the tensor has the same bits at all of them.
// `where` ends the sentence: "after step 250".
void check_same_weights(Communicator& communicator, const at::Tensor& flat,
                        const std::string& where);

bool all_agree(Communicator& communicator, bool mine);

// scalar_type(), kAuto being bf16 only where it is so for all processes.
at::ScalarType agreed_dtype(Precision precision, at::Device device, Communicator& communicator);

}  // namespace concertina

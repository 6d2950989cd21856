// What the processes of one run tell each other, and checks that they train the same model. Every
// process makes each of these calls.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "core/precision.h"
#include "core/stop.h"
#include "distill/train/communicator.h"
#include "supernet/nn/weights.h"

namespace concertina {

// Every process's text, by rank.
std::vector<std::string> all_gather(Communicator& communicator, const std::string& text);
// Tensors [n, ..] of all processes, joined along n in the order of ranks: of the same names and sizes
// everywhere, but for n.
TensorMap of_all_processes(Communicator& communicator, const TensorMap& tensors);
bool all_true(Communicator& communicator, bool value);
bool of_rank_zero(Communicator& communicator, bool value);  // rank 0's value

// The reason why all processes stop now: a signal to one of them stops all, and has precedence over
// a time limit.
StopReason common_stop_reason(Communicator& communicator, StopReason own);

// scalar_type() of the precision; kAuto is bf16 only where it is so for all processes.
at::ScalarType common_dtype(Precision precision, at::Device device, Communicator& communicator);

// InputError at every process, with the keys that differ, the ranks and their values, unless all
// have the same settings (a JSON object), the same `others` and the same version of the program.
void check_same_settings(Communicator& communicator, const std::string& settings,
                         const std::map<std::string, std::string>& others = {});

// SystemError at every process, with the ranks, unless the tensor has the same bits at all of them.
// `where` ends the sentence: "after step 250".
void check_same_weights(Communicator& communicator, const at::Tensor& flat,
                        const std::string& where);

}  // namespace concertina

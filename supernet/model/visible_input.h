// Masked autoencoders encode only what is visible (He et al. 2022; DMAE, Bai et al. 2022): the frames that a
// mask leaves are gathered after front end and positions, so that the layers run over these alone.
#pragma once

#include <string>

#include "supernet/model/forward.h"

namespace concertina {

// `frames` of encoder_input() on the masked batch, without the frames that stand for masked base frames only:
// [B, V, E] with V that of the clip with most visible frames, the others padded at the end. The back map puts
// outputs at their base frames again, 0 at masked ones, and the loss mask leaves masked base frames out. mask [B, T
// or more] bool, true where masked; undefined: nothing is dropped. V is read from the device of the frames.
Frames drop_masked(Frames frames, const at::Tensor& mask);

// Why members of a space cannot run without masked frames; "": they can. Position biases and windows of
// attention count frames, which would be other distances then.
std::string drop_masked_problem(const SearchSpace& space);

}  // namespace concertina

// How much each layer of an encoder changes its input, the measure of contribution of Sajjad et al. ("Poor Man's BERT",
// 2020/2022): c_l = mean over frames of cos(input of layer l, output of layer l). The higher, the less it contributes;
// supernet/space/drop_order.h makes depth sets of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/stop.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct LayerCosines {
  std::vector<double> cosines;  // of each kept layer, -1 to 1
  int64_t frames = 0;           // of the network's own frame period, over which they are means
};

// `clips`: indices into the manifest; the first `seconds` of each. They are encoded one by one, in fp32. The output of
// the last layer is taken before the encoder's final norm (pre-norm models). InputError without clips, and of reading
// as read_wav_segment(); NumericError when states are not finite; Interrupted.
LayerCosines layer_cosines(const Subnet& net, const Manifest& manifest,
                           std::span<const size_t> clips, double seconds, const StopToken& stop);

}  // namespace concertina

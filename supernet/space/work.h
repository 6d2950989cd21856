// The work of one forward pass, kernel by kernel, at the frame rate where each runs: cost.h adds up
// the MACs, the latency model has all of it as regressors.
#pragma once

#include <cstdint>

#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"

namespace concertina {

struct ForwardWork {
  // Frames before the rate unit, of projection and positional conv, and of the layers. CIF comes
  // before the projection, what joins frames after the positional conv.
  int64_t base_frames = 0, input_frames = 0, frames = 0;
  // MACs: conv sum_i L_i*c_i*c_{i-1}*k_i (Whisper 3*E*(F*bins+T0*E), F mel frames); projection T_in*C*E; positional T_in*E*(E/groups)*k;
  // attention T*4EA (T*2EA where a map is reused) and the gate of a position bias 8TA; scores
  // 2T*keys*A (T*keys*A), of linear attention T*A*(2*head_dim + 1); FFN T*2EF. Rate unit: cif T0(5C^2+C), conv and linear T*r*E^2 for r
  // joined frames. A = head_dim*heads; a window w leaves min(T, w+1) keys.
  int64_t front_end = 0, rate = 0, projection = 0, positional = 0;
  int64_t attention_linear = 0, attention_scores = 0, ffn = 0;
  // Elements, for kernels bound by memory.
  int64_t front_end_elements = 0;  // outputs of the convolutions
  int64_t rate_elements = 0;       // inputs of the rate unit; 0 where it compresses nothing
  int64_t input_elements = 0;      // T_in*E
  // T*keys*heads of the layers that make a map, 2TA of the feature maps of linear attention.
  int64_t attention_map_elements = 0;
  int64_t layer_elements = 0;                    // T*E of every kept layer
  int64_t ffn_elements = 0;                      // outputs of fc1
  int64_t attention_halves = 0, ffn_halves = 0;  // how many kept layers have them

  int64_t macs() const;  // the sum
};

// InputError when the architecture is not of the blueprint's front end.
ForwardWork work_of(const Blueprint& blueprint, const Architecture& architecture, int64_t samples);

}  // namespace concertina

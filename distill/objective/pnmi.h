// How much units tell of phones.
#pragma once

#include <ATen/ATen.h>

namespace concertina {

// Phone-normalised mutual information (HuBERT, Hsu et al. 2021, section IV-D): I(y; z) / H(y), the share of
// the phones' entropy that units explain, 0 to 1. `counts` [phones, units]: frames of each pair, of any
// type, not all 0. 0 where all frames are of one phone.
double phone_normalised_information(const at::Tensor& counts);

}  // namespace concertina

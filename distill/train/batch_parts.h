// Batches in parts of whole rows, which a process trains on concurrently with one thread each
// (supernet/nn/one_thread_each.h).
#pragma once

#include <cstdint>
#include <vector>

#include "distill/data/batch_source.h"

namespace concertina {

// `count` parts with as many rows each, which share the batch's memory; the batch alone where its
// rows do not divide or its clips differ in length, so that the mean over a batch's frames is the
// mean of those over its parts'.
std::vector<TrainingBatch> equal_parts(const TrainingBatch& batch, const Blueprint& blueprint,
                                       int32_t count);

}  // namespace concertina

// Batches in parts of whole rows, which a process trains on concurrently with one thread each. The
// operations of small networks are too short to be divided among threads: on 2 cores, two threads in
// each operation of a 5 M network are no faster than one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "distill/data/batch_source.h"

namespace concertina {

// `count` parts with as many rows each, which share the batch's memory; the batch alone where its
// rows do not divide or its clips differ in length, so that the mean over a batch's frames is the
// mean of those over its parts'.
std::vector<TrainingBatch> equal_parts(const TrainingBatch& batch, const Blueprint& blueprint,
                                       int32_t count);

// Runs body(i) for i in [0, count) on as many threads, in which parallel operations run on one. The
// first exception is rethrown after all have ended.
void for_each_part(size_t count, const std::function<void(size_t)>& body);

}  // namespace concertina

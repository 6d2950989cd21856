// How training audio is cut into batches, and how teacher targets are cached.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/config.h"

namespace concertina {

struct BatchOptions {
  int32_t crops = 8;
  double seconds = 3.0;               // of one crop
  bool within_clips = false;          // crops of one clip each; shorter clips give shorter crops
  bool whole_clips = false;           // instead of crops; then the three below count
  double budget = 60;                 // seconds of a batch, padding counted
  double longest = 20, shortest = 1;  // seconds; longer clips are cropped, shorter left out
  std::map<std::string, double> source_weight;  // how often a minute of a source is drawn
};
void read_batch(ConfigSection section, BatchOptions& options);

enum class CacheDtype { kNone, kFp16, kInt8 };
void read_cache(ConfigSection section, CacheDtype& dtype);

// Adds the problem "expected EXPECTED" to `key` unless `fine`.
void check_option(ConfigSection& section, std::string_view key, bool fine,
                  const std::string& expected);

}  // namespace concertina

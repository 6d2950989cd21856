// A target cache while it is being made: a safetensors file of its final size under a name of its
// own, filled row by row, with the number of windows done beside it. Internal to target_cache.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>

#include "distill/data/options.h"

namespace concertina {

class TargetFile {
 public:
  // Takes the room of the whole file at once, or goes on with what is there. SystemError.
  TargetFile(std::filesystem::path path, int64_t frames, int64_t dim, CacheDtype dtype);
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;
  ~TargetFile();

  int64_t windows_done() const { return windows_done_; }
  void write(int64_t first_frame, const at::Tensor& targets);  // [n, dim] fp32 on the CPU
  void checkpoint(int64_t windows_done);                       // synced; a kill goes on from here
  void finish();                                               // renames to the real name

 private:
  void put(const void* data, size_t bytes, uint64_t offset);
  std::filesystem::path part() const;
  std::filesystem::path progress() const;

  std::filesystem::path path_;
  int64_t dim_;
  CacheDtype dtype_;
  uint64_t targets_at_ = 0, scales_at_ = 0;  // bytes into the file
  int64_t windows_done_ = 0;
  int fd_ = -1;
};

}  // namespace concertina

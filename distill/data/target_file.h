// A target cache while it is being computed: a safetensors file of its final size under a temporary
// name, filled row by row, and a file with the number of windows done. Internal to target_cache.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "distill/data/options.h"
#include "distill/data/targets.h"

namespace concertina {

int64_t target_bytes(int64_t frames, const std::vector<TargetColumn>& columns, CacheDtype dtype);

class TargetFile {
 public:
  // Allocates the whole file at once, or resumes one that is there. SystemError.
  TargetFile(std::filesystem::path path, int64_t frames, std::vector<TargetColumn> columns,
             CacheDtype dtype);
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;
  ~TargetFile();

  int64_t windows_done() const { return windows_done_; }
  void write_rows(int64_t first_frame, const at::Tensor& targets);  // [n, D] fp32 on the CPU
  void save_progress(int64_t windows_done);  // synced; a killed process resumes from here
  void publish();                            // renames to the final name

 private:
  void write_at(const void* data, size_t bytes, uint64_t offset);
  std::filesystem::path part() const;
  std::filesystem::path progress() const;

  std::filesystem::path path_;
  std::vector<TargetColumn> columns_;
  CacheDtype dtype_;
  uint64_t targets_at_ = 0, scales_at_ = 0;  // bytes into the file
  int64_t windows_done_ = 0;
  int fd_ = -1;
};

}  // namespace concertina

// Where time goes, by LibTorch operator: self times of the operators that run on the calling thread
// (and, in backward, of the autograd nodes) while the object lives. One at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concertina {

struct OpTime {
  std::string name;
  double seconds = 0;  // without what it calls
  int64_t calls = 0;
};

class OpTimes {
 public:
  OpTimes();
  ~OpTimes();
  OpTimes(const OpTimes&) = delete;
  OpTimes& operator=(const OpTimes&) = delete;
  std::vector<OpTime> sorted() const;  // the longest first

 private:
  uint64_t handle_;
};

}  // namespace concertina

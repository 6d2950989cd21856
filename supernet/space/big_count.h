// An unsigned integer of any size, just enough to count a search space exactly.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

namespace concertina {

class BigCount {
 public:
  explicit BigCount(uint32_t value = 0) { add_at(0, value); }

  BigCount& operator+=(const BigCount& other) {
    for (size_t i = 0; i < other.digits_.size(); ++i) add_at(i, other.digits_[i]);
    return *this;
  }
  BigCount& operator*=(uint32_t factor) {
    uint64_t carry = 0;
    for (uint32_t& digit : digits_) {
      carry += uint64_t{digit} * factor;
      digit = static_cast<uint32_t>(carry % kBase);
      carry /= kBase;
    }
    add_at(digits_.size(), carry);
    return *this;
  }
  std::string text() const {
    std::string text = digits_.empty() ? "0" : std::to_string(digits_.back());
    for (size_t i = digits_.size(); i > 1; --i) text += fmt::format("{:09}", digits_[i - 2]);
    return text;
  }

 private:
  static constexpr uint64_t kBase = 1'000'000'000;
  void add_at(size_t place, uint64_t value) {
    for (; value > 0; ++place, value /= kBase) {
      if (place >= digits_.size()) digits_.resize(place + 1);
      value += digits_[place];
      digits_[place] = static_cast<uint32_t>(value % kBase);
    }
  }
  std::vector<uint32_t> digits_;  // base 10^9, lowest first; no leading zeros
};

}  // namespace concertina

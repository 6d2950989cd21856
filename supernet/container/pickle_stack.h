// The stack, marks and memo of the unpickler; internal to pickle.cpp.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "supernet/container/pickle.h"

namespace concertina {

class PickleStack {
 public:
  // Values live in `values`, whose elements never move.
  PickleStack(ByteReader& in, std::deque<PickleValue>& values) : in_(in), values_(values) {}

 protected:
  ByteReader& in() { return in_; }
  void next_operation();       // errors name its byte from here on
  void spend(uint64_t count);  // counts as that many operations; InputError at the limit
  [[noreturn]] void fail(const std::string& what) const;

  PickleValue& make(PickleValue::Kind kind);  // a value that is not on the stack
  PickleValue& push(PickleValue::Kind kind);
  void push(PickleValue* value) { stack_.push_back(value); }
  PickleValue* top() const;  // above the last mark, as pop
  PickleValue* pop();
  std::vector<const PickleValue*> pop_last(size_t count);  // in the order they were pushed
  void mark() { marks_.push_back(stack_.size()); }
  std::vector<const PickleValue*> pop_to_mark();

  void keep(uint32_t index) { memo_[index] = top(); }
  void keep_next() { keep(static_cast<uint32_t>(memo_.size())); }
  void recall(uint32_t index);

 private:
  ByteReader& in_;
  std::deque<PickleValue>& values_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleValue*> memo_;
  uint64_t operations_ = 0;
  uint64_t at_ = 0;  // of the current operation
};

}  // namespace concertina

#include "supernet/container/pickle_stack.h"

#include <fmt/format.h>

namespace concertina {
namespace {

constexpr uint64_t kMaxOperations = uint64_t{1} << 20;

}  // namespace

void PickleStack::next_operation() {
  at_ = in_.at();
  spend(1);
}

void PickleStack::spend(uint64_t count) {
  operations_ += count;
  if (operations_ > kMaxOperations) {
    fail(fmt::format("the pickle has more than {} operations", kMaxOperations));
  }
}

void PickleStack::fail(const std::string& what) const { throw_damaged(in_.name(), at_, what); }

PickleValue& PickleStack::make(PickleValue::Kind kind) {
  values_.push_back({.kind = kind, .at = at_});
  return values_.back();
}

PickleValue& PickleStack::push(PickleValue::Kind kind) {
  PickleValue& value = make(kind);
  stack_.push_back(&value);
  return value;
}

PickleValue* PickleStack::top() const {
  const size_t bottom = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= bottom) fail("the pickle pops a value that it never pushed");
  return stack_.back();
}

PickleValue* PickleStack::pop() {
  PickleValue* value = top();
  stack_.pop_back();
  return value;
}

std::vector<const PickleValue*> PickleStack::pop_last(size_t count) {
  std::vector<const PickleValue*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  return items;
}

std::vector<const PickleValue*> PickleStack::pop_to_mark() {
  if (marks_.empty()) fail("the pickle pops to a mark that it never set");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<const PickleValue*> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleStack::recall(uint32_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end())
    fail(fmt::format("the pickle recalls value {}, which it never memoized", index));
  stack_.push_back(found->second);
}

}  // namespace concertina

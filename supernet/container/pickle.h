// Python pickles as inert values: an unpickler that calls nothing.
//
// A pickle is a program for a stack machine that may call any Python function. Here a call becomes
// a record of the function and its arguments; readers of the values interpret the few that they
// know (supernet/container/torch_file.h). Protocols 2 to 4.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "supernet/container/byte_reader.h"

namespace concertina {

// Texts are views of the file. Values may be shared and may even contain themselves: traversals
// need a limit.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,        // integer
    kInt,         // integer
    kFloat,       // real
    kText,        // text
    kBytes,       // text; also integers of more than 8 bytes
    kList,        // items
    kTuple,       // items
    kSet,         // items
    kDict,        // items: key, value, key, value ...; also collections.OrderedDict, defaultdict
    kClass,       // items: module, name (both kText)
    kRecord,      // items: the called function (a kClass), its arguments, its state
    kPersistent,  // items: the id
  };
  Kind kind = Kind::kNone;
  uint64_t at = 0;  // byte of the file where the value begins
  int64_t integer = 0;
  double real = 0;
  std::string_view text;
  std::vector<const PickleValue*> items;

  bool is(Kind wanted) const { return kind == wanted; }
  bool is_class(std::string_view module, std::string_view name) const;
  // The value of a text key of a kDict, the last of several; null otherwise.
  const PickleValue* find(std::string_view key) const;
};

class Pickle {
 public:
  // Reads one pickle and leaves `in` after its end; the file must outlive the values. InputError
  // names the byte: damaged, an unknown opcode, more than a million operations.
  explicit Pickle(ByteReader& in);

  const PickleValue& root() const { return *root_; }
  const std::deque<PickleValue>& values() const { return values_; }  // in order of creation

 private:
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
};

}  // namespace concertina

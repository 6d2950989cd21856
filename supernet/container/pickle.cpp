#include "supernet/container/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "supernet/container/pickle_stack.h"

namespace concertina {
namespace {

using Kind = PickleValue::Kind;
constexpr size_t kIntegerBytes = 8;

struct TextOp {
  uint8_t op;
  Kind kind;
  int length_bytes;
};
constexpr TextOp kTextOps[] = {
    {'X', Kind::kText, 4}, {0x8c, Kind::kText, 1}, {0x8d, Kind::kText, 8}, {'T', Kind::kText, 4},
    {'U', Kind::kText, 1}, {'B', Kind::kBytes, 4}, {'C', Kind::kBytes, 1}, {0x8e, Kind::kBytes, 8}};
using ContainerOp = std::pair<uint8_t, Kind>;
constexpr ContainerOp kEmptyOps[] = {
    {']', Kind::kList}, {')', Kind::kTuple}, {'}', Kind::kDict}, {0x8f, Kind::kSet}};
constexpr ContainerOp kMarkOps[] = {  // of the values above the last mark
    {'t', Kind::kTuple},
    {'l', Kind::kList},
    {'d', Kind::kDict},
    {0x91, Kind::kSet}};
constexpr ContainerOp kMoreOps[] = {  // adds them to the value below
    {'e', Kind::kList},
    {'u', Kind::kDict},
    {0x90, Kind::kSet}};

// Runs the program of one pickle. Every operation takes constant time and memory, or as much as
// earlier ones put on the stack; their number is limited, and so are time and memory.
class Machine : private PickleStack {
 public:
  Machine(ByteReader& in, std::deque<PickleValue>& values) : PickleStack(in, values) {}

  const PickleValue* run() {
    for (;;) {
      next_operation();
      const auto op = in().read<uint8_t>();
      if (op == '.') return pop();
      if (!scalar(op) && !text(op) && !sequence(op) && !memo(op) && !object(op)) {
        fail(fmt::format("pickle opcode 0x{:02x} is not supported", op));
      }
    }
  }

 private:
  bool scalar(uint8_t op) {
    switch (op) {
      case 'N':
        push(Kind::kNone);
        return true;
      case 0x88:
        push(Kind::kBool).integer = 1;
        return true;
      case 0x89:
        push(Kind::kBool).integer = 0;
        return true;
      case 'J':
        push(Kind::kInt).integer = in().read<int32_t>();
        return true;
      case 'K':
        push(Kind::kInt).integer = in().read<uint8_t>();
        return true;
      case 'M':
        push(Kind::kInt).integer = in().read<uint16_t>();
        return true;
      case 0x8a:
        long_integer(in().read<uint8_t>());
        return true;
      case 0x8b:
        long_integer(in().read<uint32_t>());
        return true;
      case 'G': {
        std::string raw(in().take(sizeof(double)));
        std::reverse(raw.begin(), raw.end());  // the one big-endian value of the format
        std::memcpy(&push(Kind::kFloat).real, raw.data(), sizeof(double));
        return true;
      }
      default:
        return false;
    }
  }

  void long_integer(uint32_t bytes) {
    const std::string_view raw = in().take(bytes);
    if (bytes > kIntegerBytes) {
      push(Kind::kBytes).text = raw;
      return;
    }
    const bool negative = bytes > 0 && (static_cast<uint8_t>(raw.back()) & 0x80) != 0;
    int64_t value = negative ? -1 : 0;
    std::memcpy(&value, raw.data(), bytes);
    push(Kind::kInt).integer = value;
  }

  bool text(uint8_t op) {
    const auto found = std::ranges::find(kTextOps, op, &TextOp::op);
    if (found == std::end(kTextOps)) return false;
    const uint64_t length = found->length_bytes == 1   ? in().read<uint8_t>()
                            : found->length_bytes == 4 ? in().read<uint32_t>()
                                                       : in().read<uint64_t>();
    const std::string_view bytes = in().take(length);
    push(found->kind).text = bytes;
    return true;
  }

  bool sequence(uint8_t op) {
    const auto is_op = [op](const std::pair<uint8_t, Kind>& entry) { return entry.first == op; };
    if (const auto found = std::ranges::find_if(kEmptyOps, is_op); found != std::end(kEmptyOps)) {
      push(found->second);
    } else if (const auto full = std::ranges::find_if(kMarkOps, is_op);
               full != std::end(kMarkOps)) {
      gather(full->second, pop_to_mark());
    } else if (const auto more = std::ranges::find_if(kMoreOps, is_op);
               more != std::end(kMoreOps)) {
      extend(more->second, pop_to_mark());
    } else if (op >= 0x85 && op <= 0x87) {
      gather(Kind::kTuple, pop_last(op - 0x84u));
    } else if (op == 'a') {
      extend(Kind::kList, pop_last(1));
    } else if (op == 's') {
      extend(Kind::kDict, pop_last(2));
    } else if (op == '(') {
      mark();
    } else {
      return false;
    }
    return true;
  }

  void gather(Kind kind, std::vector<const PickleValue*> items) {
    check_pairs(kind, items);
    push(kind).items = std::move(items);
  }
  void check_pairs(Kind kind, const std::vector<const PickleValue*>& items) const {
    if (kind == Kind::kDict && items.size() % 2 != 0) fail("a dict has a key without a value");
  }
  // A record of a container of an unknown class stays a record.
  void extend(Kind kind, const std::vector<const PickleValue*>& items) {
    PickleValue* target = top();
    check_pairs(kind, items);
    if (target->is(Kind::kRecord)) return;
    if (!target->is(kind)) fail("the pickle adds items to a value that holds none of their kind");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  bool memo(uint8_t op) {
    switch (op) {
      case 'q':
        keep(in().read<uint8_t>());
        return true;
      case 'r':
        keep(in().read<uint32_t>());
        return true;
      case 0x94:
        keep_next();
        return true;
      case 'h':
        recall(in().read<uint8_t>());
        return true;
      case 'j':
        recall(in().read<uint32_t>());
        return true;
      case '2':
        push(top());
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case 0x80:
        check_protocol(in().read<uint8_t>());
        return true;
      case 0x95:
        in().read<uint64_t>();
        return true;  // a frame's length: unused
      default:
        return false;
    }
  }

  void check_protocol(uint8_t protocol) const {
    if (protocol < 2 || protocol > 4) {
      fail(fmt::format("pickle protocol {} is not supported: expected 2 to 4", protocol));
    }
  }

  bool object(uint8_t op) {
    switch (op) {
      case 'c': {
        PickleValue& module = make(Kind::kText);
        PickleValue& name = make(Kind::kText);
        module.text = in().take_line();
        name.text = in().take_line();
        push(Kind::kClass).items = {&module, &name};
        return true;
      }
      case 0x93: {
        const PickleValue* name = pop();
        const PickleValue* module = pop();
        if (!name->is(Kind::kText) || !module->is(Kind::kText)) fail("a class has no name");
        push(Kind::kClass).items = {module, name};
        return true;
      }
      case 'R':
      case 0x81: {  // a function call, an object's construction
        const PickleValue* arguments = pop();
        call(pop(), arguments);
        return true;
      }
      case 0x92: {
        pop();  // keyword arguments
        const PickleValue* arguments = pop();
        call(pop(), arguments);
        return true;
      }
      case 'b': {
        const PickleValue* state = pop();
        if (top()->is(Kind::kRecord)) top()->items[2] = state;
        return true;
      }
      case 'Q': {
        const PickleValue* id = pop();
        push(Kind::kPersistent).items = {id};
        return true;
      }
      default:
        return false;
    }
  }

  void call(const PickleValue* what, const PickleValue* arguments) {
    if (!what->is(Kind::kClass)) fail("the pickle calls what is no class");
    if (!arguments->is(Kind::kTuple)) fail("a call has no tuple of arguments");
    if (what->is_class("collections", "OrderedDict") ||
        what->is_class("collections", "defaultdict")) {
      push(Kind::kDict).items = given_pairs(*arguments);
    } else {
      push(Kind::kRecord).items = {what, arguments, &make(Kind::kNone)};
    }
  }

  // OrderedDict([[key, value], ...]), as Python 2 wrote it.
  std::vector<const PickleValue*> given_pairs(const PickleValue& arguments) {
    std::vector<const PickleValue*> items;
    if (arguments.items.size() != 1 || !arguments.items[0]->is(Kind::kList)) return items;
    spend(arguments.items[0]->items.size());  // the same list may be used many times
    for (const PickleValue* pair : arguments.items[0]->items) {
      if (pair->items.size() == 2) items.insert(items.end(), {pair->items[0], pair->items[1]});
    }
    return items;
  }
};

}  // namespace

bool PickleValue::is_class(std::string_view module, std::string_view name) const {
  return kind == Kind::kClass && items[0]->text == module && items[1]->text == name;
}

const PickleValue* PickleValue::find(std::string_view key) const {
  if (kind != Kind::kDict) return nullptr;
  for (size_t i = items.size(); i >= 2; i -= 2) {
    if (items[i - 2]->is(Kind::kText) && items[i - 2]->text == key) return items[i - 1];
  }
  return nullptr;
}

Pickle::Pickle(ByteReader& in) { root_ = Machine(in, values_).run(); }

}  // namespace concertina

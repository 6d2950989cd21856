#include "supernet/container/torch_file.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "supernet/container/zip_directory.h"

namespace concertina {
namespace {

using Kind = PickleValue::Kind;

// The legacy container begins with the pickle of the number 0x1950a86a20f9469cfc6c.
constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::string_view kMagicOpcodes("\x80\x02\x8a\x0a", 4);
constexpr size_t kMaxTorchDimensions = 64;
constexpr int64_t kLegacyProtocol = 1001;

struct StorageClass {
  const char* name;
  DType dtype;
};
constexpr StorageClass kStorageClasses[] = {
    {"FloatStorage", DType::kF32},     {"HalfStorage", DType::kF16}, {"DoubleStorage", DType::kF64},
    {"BFloat16Storage", DType::kBF16}, {"LongStorage", DType::kI64}, {"IntStorage", DType::kI32},
    {"ShortStorage", DType::kI16},     {"CharStorage", DType::kI8},  {"ByteStorage", DType::kU8},
    {"BoolStorage", DType::kBool}};

// The persistent id of a storage: ("storage", class, key, device, elements[, view]).
struct StorageId {
  std::string_view key;
  DType dtype = DType::kF32;
  uint64_t view_offset = 0;  // elements; of a storage that is a view of another one
};

std::string_view text_of(const PickleValue* value) {
  return value->is(Kind::kText) ? value->text : std::string_view();
}

StorageId storage_id(const PickleValue& value, const std::string& name) {
  const auto bad = [&](const std::string& what) { throw_damaged(name, value.at, what); };
  const PickleValue* id = value.is(Kind::kPersistent) ? value.items[0] : &value;
  if (!id->is(Kind::kTuple) || id->items.size() < 5 || text_of(id->items[0]) != "storage" ||
      !id->items[1]->is(Kind::kClass) || !id->items[2]->is(Kind::kText)) {
    bad("a tensor has no storage");
  }
  StorageId result{.key = id->items[2]->text};
  const std::string_view type = id->items[1]->items[1]->text;
  bool known = false;
  for (const StorageClass& entry : kStorageClasses) {
    if (type != entry.name) continue;
    result.dtype = entry.dtype;
    known = true;
  }
  if (!known) bad(fmt::format("storages of type '{}' are not supported", type));
  if (id->items.size() > 5 && id->items[5]->is(Kind::kTuple) && id->items[5]->items.size() == 3) {
    const int64_t offset = id->items[5]->items[1]->integer;
    if (offset < 0) bad("a storage has a negative offset");
    result.view_offset = static_cast<uint64_t>(offset);
  }
  return result;
}

// The arguments of torch._utils._rebuild_tensor_v2 behind a tensor or a parameter; null otherwise.
const PickleValue* tensor_arguments(const PickleValue& value) {
  if (!value.is(Kind::kRecord)) return nullptr;
  const PickleValue& what = *value.items[0];
  const PickleValue& arguments = *value.items[1];
  if (what.is_class("torch._utils", "_rebuild_parameter") && !arguments.items.empty()) {
    const PickleValue& data = *arguments.items[0];  // a parameter of a parameter is not a tensor
    const bool plain =
        data.is(Kind::kRecord) && data.items[0]->is_class("torch._utils", "_rebuild_tensor_v2");
    return plain ? tensor_arguments(data) : nullptr;
  }
  const bool is_tensor = what.is_class("torch._utils", "_rebuild_tensor_v2") ||
                         what.is_class("torch._utils", "_rebuild_tensor");
  return is_tensor && arguments.items.size() >= 4 ? &arguments : nullptr;
}

std::vector<int64_t> integers(const PickleValue& value, const std::string& name) {
  if (value.items.size() > kMaxTorchDimensions)
    throw_damaged(name, value.at, "a tensor has too many sizes");
  std::vector<int64_t> numbers;
  for (const PickleValue* item : value.items) {
    if (!item->is(Kind::kInt)) throw_damaged(name, item->at, "a tensor's size is no integer");
    numbers.push_back(item->integer);
  }
  return numbers;
}

Pickle read_pickle(ByteReader& in, const char* what) {
  try {
    return Pickle(in);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{} (in {})", error.what(), what));
  }
}

}  // namespace

bool is_torch_file(ByteSpan bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return is_zip(bytes) || text.starts_with(kMagicOpcodes);
}

TorchFile::TorchFile(ByteSpan bytes, const std::string& name)
    : name_(name),
      zip_(is_zip(bytes)),
      pickle_(zip_ ? read_zip(bytes, name, storages_) : read_legacy(bytes, name, storages_)) {}

Pickle TorchFile::read_zip(ByteSpan bytes, const std::string& name, Storages& storages) {
  const std::vector<ZipEntry> entries = zip_entries(bytes, name);
  constexpr std::string_view kProgram = "/data.pkl";
  const ZipEntry* program = nullptr;
  for (const ZipEntry& entry : entries) {
    if (entry.name.ends_with(kProgram)) program = &entry;
    if (entry.name.ends_with("/constants.pkl")) {
      throw_damaged(name, entry.offset,
                    "this is a TorchScript archive: save its state_dict() instead");
    }
  }
  if (program == nullptr)
    throw_damaged(name, 0, "this zip archive is not torch.save's: no data.pkl");
  const std::string_view folder =
      program->name.substr(0, program->name.size() - kProgram.size() + 1);
  for (const ZipEntry& entry : entries) {
    if (!entry.name.starts_with(folder)) continue;
    const std::string_view path = entry.name.substr(folder.size());
    const ByteSpan data = bytes.subspan(entry.offset, entry.size);
    if (path.starts_with("data/")) storages[path.substr(5)] = {entry.offset, entry.size};
    if (path == "byteorder" && ByteReader(data, name).take(entry.size) == "big") {
      throw_damaged(name, entry.offset, "big-endian files are not supported");
    }
  }
  ByteReader in(bytes.subspan(program->offset, program->size), name, program->offset);
  return read_pickle(in, "data.pkl");
}

Pickle TorchFile::read_legacy(ByteSpan bytes, const std::string& name, Storages& storages) {
  ByteReader in(bytes, name);
  if (read_pickle(in, "the magic number").root().text != kMagic) {
    throw_damaged(name, 0, "this is a pickle, but not torch.save's");
  }
  if (read_pickle(in, "the version").root().integer != kLegacyProtocol) {
    throw_damaged(name, in.at(), "the version of this torch.save file is unknown");
  }
  const uint64_t system_at = in.at();
  const Pickle system = read_pickle(in, "the system's sizes");
  const PickleValue* little = system.root().find("little_endian");
  if (little != nullptr && little->integer == 0) {
    throw_damaged(name, system_at, "big-endian files are not supported");
  }
  Pickle object = read_pickle(in, "the saved object");
  std::map<std::string_view, DType> dtypes;
  for (const PickleValue& value : object.values()) {
    if (!value.is(Kind::kPersistent)) continue;
    const StorageId id = storage_id(value, name);
    dtypes[id.key] = id.dtype;
  }
  const Pickle keys = read_pickle(in, "the list of storages");
  for (const PickleValue* key : keys.root().items) {
    const auto dtype = dtypes.find(text_of(key));
    if (dtype == dtypes.end()) throw_damaged(name, key->at, "a storage belongs to no tensor");
    const uint64_t bytes_each = item_size(dtype->second);
    const auto count = in.read<uint64_t>();
    if (count > in.left() / bytes_each) {
      in.fail(
          fmt::format("a storage of {} elements lies outside the file; the file may be "
                      "truncated",
                      count));
    }
    storages[dtype->first] = {in.at(), count * bytes_each};
    in.skip(count * bytes_each);
  }
  return object;
}

bool TorchFile::is_tensor(const PickleValue& value) { return tensor_arguments(value) != nullptr; }

TensorLayout TorchFile::tensor(const PickleValue& value, const std::string& tensor_name) const {
  const PickleValue* arguments = tensor_arguments(value);
  CONCERTINA_ASSERT(arguments != nullptr);
  const auto bad = [&](const std::string& what) {
    throw_damaged(name_, value.at, fmt::format("tensor {}: {}", tensor_name, what));
  };
  const StorageId id = storage_id(*arguments->items[0], name_);
  const auto stored = storages_.find(id.key);
  if (stored == storages_.end()) bad(fmt::format("its storage '{}' is not in the file", id.key));
  const auto [start, bytes] = stored->second;
  TensorLayout layout{id.dtype, integers(*arguments->items[2], name_),
                      integers(*arguments->items[3], name_), start};
  const PickleValue& offset = *arguments->items[1];
  const uint64_t items = bytes / item_size(id.dtype);
  if (!offset.is(Kind::kInt) || offset.integer < 0 || id.view_offset > items ||
      static_cast<uint64_t>(offset.integer) > items - id.view_offset) {
    bad("it begins outside its storage");
  }
  const uint64_t skipped =
      (id.view_offset + static_cast<uint64_t>(offset.integer)) * item_size(id.dtype);
  layout.offset += skipped;
  const std::string problem = layout_problem(layout, bytes - skipped);
  if (!problem.empty()) bad(problem);
  return layout;
}

LayoutMap TorchFile::tensors(const PickleValue& dict) const {
  LayoutMap result;
  if (!dict.is(Kind::kDict)) return result;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    if (!dict.items[i]->is(Kind::kText) || !is_tensor(*dict.items[i + 1])) continue;
    const std::string key(dict.items[i]->text);
    result[key] = tensor(*dict.items[i + 1], key);
  }
  return result;
}

}  // namespace concertina

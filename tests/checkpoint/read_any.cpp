#include "tests/checkpoint/read_any.h"

#include <algorithm>
#include <filesystem>

#include "core/errors.h"
#include "supernet/checkpoint/distiller.h"
#include "supernet/checkpoint/fairseq.h"
#include "supernet/checkpoint/match.h"
#include "supernet/checkpoint/torch_checkpoint.h"
#include "supernet/checkpoint/transformers.h"
#include "supernet/checkpoint/whisper.h"
#include "supernet/container/ctranslate2_file.h"
#include "supernet/container/safetensors_layout.h"
#include "supernet/container/shard_index.h"
#include "supernet/space/search_space.h"
#include "supernet/space/search_space_config.h"

namespace concertina::testing {
namespace {

// Reads the ends of every tensor: a sanitizer sees whether they lie in the file.
void touch(const LayoutMap& tensors, ByteSpan bytes) {
  unsigned read = 0;
  for (const auto& [name, layout] : tensors) {
    if (layout.extent() == 0) continue;
    CONCERTINA_ASSERT(layout.offset + layout.extent() <= bytes.size());
    read |= std::to_integer<unsigned>(bytes[layout.offset]);
    read |= std::to_integer<unsigned>(bytes[layout.offset + layout.extent() - 1]);
  }
  CONCERTINA_ASSERT(read < 256);
}

bool read_torch(ByteSpan bytes) {
  const TorchFile file(bytes, "f.pt");
  const TorchCheckpoint found = read_torch_checkpoint(file, "f.pt");
  touch(found.tensors, bytes);
  if (found.model) match_tensors(*found.model, found.tensors, "f.pt", bytes.size());
  return true;
}

bool read_ctranslate2_file(ByteSpan bytes) {
  touch(parse_ctranslate2(bytes, "model.bin").variables, bytes);
  const CTranslate2Checkpoint found = read_ctranslate2(bytes, "model.bin");
  touch(found.tensors, bytes);
  match_tensors(found.model, found.tensors, "model.bin", bytes.size());
  return true;
}

bool read_safetensors(ByteSpan bytes) {
  const SafetensorsLayout layout = parse_safetensors(bytes, "f.safetensors");
  touch(layout.tensors, bytes);
  const auto space = layout.metadata.find("concertina.space");
  if (space != layout.metadata.end()) {
    const Storage storage = search_space_from_json(space->second).storage();
  }
  return true;
}

// A configuration as that of each package that it could be from.
template <class Make>
bool read_config(ByteSpan bytes, const Make& make) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const ForeignModel model = make(Settings::from_json(text, "config.json"));
  try {
    match_tensors(model, {}, "model.safetensors", 0);
  } catch (const InputError&) {  // every tensor is missing; the configuration was fine
  }
  return true;
}

bool read_transformers(ByteSpan bytes) {
  return read_config(bytes, [](const Settings& both) { return transformers_model(both, both); });
}
bool read_fairseq(ByteSpan bytes) { return read_config(bytes, fairseq_model); }
bool read_distiller(ByteSpan bytes) { return read_config(bytes, distiller_model); }

// Whatever an index says, its files lie in its folder.
bool read_index(ByteSpan bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::filesystem::path folder = "/a/folder";
  for (const auto& [tensor, file] : parse_shard_index(text, "model.index.json")) {
    const auto path = (folder / file).lexically_normal();
    CONCERTINA_ASSERT(std::ranges::mismatch(folder, path).in1 == folder.end() && path != folder);
  }
  return true;
}

template <class Read>
bool accepts(const Read& read, ByteSpan bytes) {
  try {
    return read(bytes);
  } catch (const InputError& error) {
    CONCERTINA_ASSERT(std::string_view(error.what()).size() > 10);
    return false;
  }
}

}  // namespace

bool read_any(ByteSpan bytes) {
  if (is_torch_file(bytes)) return accepts(read_torch, bytes);
  if (is_ctranslate2_file(bytes)) return accepts(read_ctranslate2_file, bytes);
  bool accepted = false;
  for (const auto read :
       {read_transformers, read_fairseq, read_distiller, read_index, read_safetensors}) {
    accepted = accepts(read, bytes) || accepted;
  }
  return accepted;
}

}  // namespace concertina::testing

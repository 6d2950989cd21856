// Damaged checkpoints: a clear error or a result, never a crash, a hang or memory out of
// proportion. Most are valid files with one piece changed and put together again, so that they get
// past the outer checks.
#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <functional>
#include <limits>

#include "core/rng.h"
#include "tests/checkpoint/read_any.h"
#include "tests/checkpoint/samples.h"
#include "tests/checkpoint/tracked_memory.h"
#include "tests/container/pickles.h"
#include "tests/damage.h"

namespace concertina {
namespace {

using testing::joined;
using testing::kStorageFloats;
using testing::Ops;
using testing::with_damage;

constexpr int kCases = 2000;  // of each kind: 20,000 in all, 14,000 of them structure-aware
constexpr size_t kConstant = size_t{8} << 20;
constexpr int64_t kNumbers[] = {0,
                                1,
                                -1,
                                2,
                                255,
                                65535,
                                65536,
                                4294967295,
                                4294967296,
                                std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()};

int64_t any_number(Rng& rng) {
  return rng.below(3) == 0 ? rng.below(64) : kNumbers[rng.below(std::size(kNumbers))];
}

// `make` gives one damaged file; some of `kCases` must be accepted and some refused.
void fuzz(const char* name, const std::function<std::string(Rng&)>& make) {
  int accepted = 0;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    Rng rng = Rng(seed).fork(name);
    const std::string bytes = make(rng);
    const std::clock_t begin = std::clock();  // of this process: the machine may be busy
    testing::reset_peak();
    accepted += testing::read_any(testing::bytes_of(bytes)) ? 1 : 0;
    ASSERT_LE(testing::peak_bytes(), bytes.size() + kConstant) << name << " " << seed;
    ASSERT_LT(std::clock() - begin, 5 * CLOCKS_PER_SEC) << name << " " << seed;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, kCases);
}

// A few opcodes taken out, doubled, moved, given another argument or replaced by any opcode.
Ops with_changed_ops(Ops ops, Rng& rng) {
  for (int64_t n = 1 + rng.below(3); n > 0 && ops.size() > 1; --n) {
    const auto any = [&] {
      return static_cast<size_t>(rng.below(static_cast<int64_t>(ops.size())));
    };
    const size_t at = any();
    const auto here = ops.begin() + static_cast<std::ptrdiff_t>(at);
    switch (rng.below(6)) {
      case 0:
        ops.erase(here);
        break;
      case 1: {
        const std::string copy = ops[any()];
        ops.insert(here, copy);
        break;
      }
      case 2:
        std::swap(ops[at], ops[any()]);
        break;
      case 3:
        if (ops[at][0] == 'J') {
          const auto number = static_cast<int32_t>(any_number(rng));
          ops[at].replace(1, 4, reinterpret_cast<const char*>(&number), 4);
        }
        break;
      case 4:
        if (ops[at].size() > 5) ops[at].back() = static_cast<char>(rng.below(256));
        break;
      default:
        ops[at] = std::string(1, static_cast<char>(rng.below(256))) + ops[at].substr(1);
    }
  }
  return ops;
}

Ops any_ops(Rng& rng) {
  switch (rng.below(4)) {
    case 0:
      return testing::distiller_ops();
    case 1:
      return testing::openai_ops();
    default:
      return testing::fairseq_ops();
  }
}

// One value anywhere in a document replaced, taken out or doubled.
void change_json(nlohmann::json& json, Rng& rng) {
  nlohmann::json* place = &json;
  while (place->is_structured() && !place->empty() && (place == &json || rng.below(4) != 0)) {
    auto item = place->begin();
    std::advance(item, rng.below(static_cast<int64_t>(place->size())));
    if (rng.below(12) == 0) {
      place->erase(item);
      return;
    }
    place = &*item;
  }
  switch (rng.below(6)) {
    case 0:
      *place = any_number(rng);
      break;
    case 1:
      *place = {any_number(rng), any_number(rng)};
      break;
    case 2:
      *place = place->is_string() ? with_damage(place->get<std::string>(), rng) : "layer";
      break;
    case 3:
      *place = nlohmann::json::array({*place, *place});
      break;
    case 4:
      *place = rng.below(2) == 0;
      break;
    default:
      *place = static_cast<double>(any_number(rng)) * 0.5;
  }
}

std::string dumped(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const std::string& valid_program() {
  static const std::string program = joined(testing::fairseq_ops());
  return program;
}

TEST(FuzzCheckpoint, PicklesInLegacyContainers) {
  fuzz("legacy ops", [](Rng& rng) {
    return testing::legacy_around(joined(with_changed_ops(any_ops(rng), rng)), kStorageFloats);
  });
}

TEST(FuzzCheckpoint, PicklesInZips) {
  fuzz("zip ops", [](Rng& rng) {
    return testing::zip_around(joined(with_changed_ops(any_ops(rng), rng)), kStorageFloats * 4)
        .bytes;
  });
}

TEST(FuzzCheckpoint, ZipFields) {
  const testing::ZipFile zip = testing::zip_around(valid_program(), kStorageFloats * 4);
  fuzz("zip fields", [&](Rng& rng) {
    std::string bytes = zip.bytes;
    for (int64_t n = 1 + rng.below(2); n > 0; --n) {
      const testing::ZipField field =
          zip.fields[static_cast<size_t>(rng.below(static_cast<int64_t>(zip.fields.size())))];
      const int64_t number = any_number(rng);
      bytes.replace(field.offset, field.bytes, reinterpret_cast<const char*>(&number), field.bytes);
    }
    return bytes;
  });
}

TEST(FuzzCheckpoint, CTranslate2Fields) {
  const testing::ZipFile model = testing::ctranslate2_file();
  fuzz("ctranslate2 fields", [&](Rng& rng) {
    std::string bytes = model.bytes;
    for (int64_t n = rng.below(3); n > 0; --n) {
      const testing::ZipField field =
          model.fields[static_cast<size_t>(rng.below(static_cast<int64_t>(model.fields.size())))];
      const int64_t number = any_number(rng);
      bytes.replace(field.offset, field.bytes, reinterpret_cast<const char*>(&number), field.bytes);
    }
    return bytes;
  });
}

TEST(FuzzCheckpoint, BytesOfCTranslate2Files) {
  const std::string model = testing::ctranslate2_file().bytes;
  fuzz("ctranslate2 bytes", [&](Rng& rng) { return with_damage(model, rng); });
}

TEST(FuzzCheckpoint, SafetensorsHeaders) {
  const nlohmann::json header = testing::safetensors_header();
  fuzz("safetensors fields", [&](Rng& rng) {
    nlohmann::json changed = header;
    auto& metadata = changed["__metadata__"];
    if (rng.below(3) == 0) {  // a sound header with an unsound space in it
      auto space = nlohmann::json::parse(metadata["concertina.space"].get<std::string>());
      change_json(space, rng);
      metadata["concertina.space"] = dumped(space);
    } else {
      change_json(changed, rng);
    }
    return testing::safetensors_around(dumped(changed));
  });
}

TEST(FuzzCheckpoint, Configurations) {
  fuzz("config fields", [](Rng& rng) {
    constexpr auto kSamples =
        std::to_array({testing::transformers_json, testing::fairseq_json, testing::lighthubert_json,
                       testing::distiller_json, testing::whisper_json});
    nlohmann::json config = kSamples[static_cast<size_t>(rng.below(kSamples.size()))]();
    for (int64_t n = 1 + rng.below(2); n > 0; --n) change_json(config, rng);
    return dumped(config);
  });
}

TEST(FuzzCheckpoint, Indexes) {
  const nlohmann::json index = testing::shard_index_json();
  fuzz("index fields", [&](Rng& rng) {
    nlohmann::json changed = index;
    if (rng.below(3) == 0) {  // paths made of the parts that leave a folder
      std::string& path = changed["weight_map"].begin()->get_ref<std::string&>();
      path = rng.below(4) == 0 ? "/" : "";
      for (int64_t n = rng.below(5); n >= 0; --n) {
        static const std::string parts[] = {
            "..", ".", "a", "", "...", "a\\..", std::string(1, '\0')};
        path += parts[rng.below(std::size(parts))];
        if (n > 0) path += '/';
      }
    } else {
      change_json(changed, rng);
    }
    return dumped(changed);
  });
}

TEST(FuzzCheckpoint, BytesOfTorchFiles) {
  const std::string zip = testing::zip_around(valid_program(), kStorageFloats * 4).bytes;
  const std::string legacy = testing::legacy_around(valid_program(), kStorageFloats);
  fuzz("torch bytes", [&](Rng& rng) { return with_damage(rng.below(2) == 0 ? zip : legacy, rng); });
}

TEST(FuzzCheckpoint, BytesOfSafetensorsAndJson) {
  const std::string header = dumped(testing::safetensors_header());
  const std::string model = testing::safetensors_around(header);
  const std::string config = dumped(testing::transformers_json());
  const std::string index = dumped(testing::shard_index_json());
  fuzz("json bytes", [&](Rng& rng) {
    const std::string* files[] = {&model, &config, &index};
    return with_damage(*files[rng.below(std::size(files))], rng);
  });
}

// The sample files themselves are accepted: the mutations start from what works.
TEST(FuzzCheckpoint, SamplesAreAccepted) {
  const auto accepted = [](const std::string& bytes) {
    return testing::read_any(testing::bytes_of(bytes));
  };
  EXPECT_TRUE(accepted(testing::zip_around(valid_program(), kStorageFloats * 4).bytes));
  EXPECT_TRUE(accepted(testing::legacy_around(valid_program(), kStorageFloats)));
  EXPECT_TRUE(accepted(testing::legacy_around(joined(testing::distiller_ops()), kStorageFloats)));
  EXPECT_TRUE(accepted(testing::legacy_around(joined(testing::openai_ops()), kStorageFloats)));
  EXPECT_TRUE(accepted(testing::ctranslate2_file().bytes));
  EXPECT_TRUE(accepted(testing::safetensors_around(dumped(testing::safetensors_header()))));
  for (const auto& json :
       {testing::transformers_json(), testing::fairseq_json(), testing::lighthubert_json(),
        testing::distiller_json(), testing::whisper_json(), testing::shard_index_json()}) {
    EXPECT_TRUE(accepted(dumped(json))) << json;
  }
}

}  // namespace
}  // namespace concertina

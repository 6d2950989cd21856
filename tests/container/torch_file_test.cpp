#include "supernet/container/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/errors.h"
#include "supernet/container/torch_writer.h"
#include "supernet/container/zip_directory.h"
#include "tests/container/pickles.h"

namespace concertina {
namespace {

using testing::bytes_of;
using testing::class_op;
using ::testing::HasSubstr;
using testing::pickle;
using testing::TensorOps;
using testing::text_op;

const std::string kZero("\0", 1);

std::string floats(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const auto value = static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

// The older container: magic number, version, system, object, keys, storages.
std::string legacy(const std::string& object, const std::string& storage, uint64_t count,
                   const std::string& little_endian = "\x88") {
  return pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle("M\xe9\x03") +
         pickle("}(" + text_op("little_endian") + little_endian + "u") + pickle(object) +
         pickle("](" + text_op("0") + "e") +
         std::string(reinterpret_cast<const char*>(&count), sizeof(count)) + storage;
}

TensorLayout tensor_of(const std::string& file, const TensorOps&) {
  const TorchFile torch(bytes_of(file), "f.pt");
  return torch.tensor(torch.root(), "t");
}
TensorLayout tensor_of(const TensorOps& ops) {
  return tensor_of(legacy(ops.text(), floats(6), 6), ops);
}
std::string error_of(const TensorOps& ops) {
  try {
    tensor_of(ops);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}
std::string error_of_file(const std::string& file) {
  try {
    const TorchFile torch(bytes_of(file), "f.pt");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string zip_of_writer() {
  const std::string data = floats(6);
  TorchWriter writer;
  writer.begin_dict();
  writer.text("a");
  writer.tensor(DType::kF32, {2, 3}, bytes_of(data));
  writer.text("n");
  writer.integer(-5);
  writer.text("flag");
  writer.boolean(true);
  writer.text("h");
  writer.tensor(DType::kBF16, {4}, bytes_of(data).first(8));
  writer.end_dict();
  return std::move(writer).bytes();
}

TEST(TorchFile, ReadsWhatTheWriterWrites) {
  const std::string file = zip_of_writer();
  ASSERT_TRUE(is_torch_file(bytes_of(file)));
  const TorchFile torch(bytes_of(file), "f.pt");
  EXPECT_EQ(torch.root().find("n")->integer, -5);
  const LayoutMap tensors = torch.tensors(torch.root());
  ASSERT_EQ(tensors.size(), 2u);
  const TensorLayout& a = tensors.at("a");
  EXPECT_EQ(a.sizes, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(a.strides, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(a.offset % 64, 0u);
  EXPECT_EQ(file.substr(a.offset, a.extent()), floats(6));
  EXPECT_EQ(tensors.at("h").dtype, DType::kBF16);
}

TEST(TorchFile, ReadsTheLegacyContainer) {
  const TensorLayout layout = tensor_of(TensorOps{});
  const std::string file = legacy(TensorOps{}.text(), floats(6), 6);
  EXPECT_EQ(file.substr(layout.offset, layout.extent()), floats(6));
}

TEST(TorchFile, TensorsMayBeStridedViewsOfAStorage) {
  TensorOps column{
      .offset = "K\1", .sizes = std::string("K\2\x85", 3), .strides = std::string("K\3\x85", 3)};
  const std::string file = legacy(column.text(), floats(6), 6);
  const TensorLayout layout = tensor_of(file, column);
  EXPECT_EQ(layout.extent(), 4u * 4);
  float first = 0;
  std::memcpy(&first, file.data() + layout.offset, sizeof(first));
  EXPECT_EQ(first, 1);
  TensorOps view{.offset = std::string("K\0", 2),
                 .sizes = std::string("K\2\x85", 3),
                 .strides = std::string("K\1\x85", 3),
                 .view = "(" + text_op("v") + "K\4K\2t"};
  view.offset = "K" + kZero;
  const std::string viewed = legacy(view.text(), floats(6), 6);
  std::memcpy(&first, viewed.data() + tensor_of(viewed, view).offset, sizeof(first));
  EXPECT_EQ(first, 4);
}

TEST(TorchFile, ParametersAreTensors) {
  const std::string file =
      legacy(class_op("torch._utils", "_rebuild_parameter") + "(" + TensorOps{}.text() + "\x88" +
                 class_op("collections", "OrderedDict") + ")RtR",
             floats(6), 6);
  EXPECT_EQ(tensor_of(file, {}).sizes, (std::vector<int64_t>{2, 3}));
}

TEST(TorchFile, TensorsOutsideTheirStorageAreRefused) {
  EXPECT_THAT(error_of({.sizes = std::string("K\2K\4\x86", 5)}), HasSubstr("larger than the 24"));
  EXPECT_THAT(error_of({.offset = "K\1"}), HasSubstr("larger than the 20 bytes"));
  EXPECT_THAT(error_of({.offset = "K\7"}), HasSubstr("begins outside its storage"));
  EXPECT_THAT(error_of({.offset = "J\xff\xff\xff\xff"}), HasSubstr("begins outside its storage"));
  EXPECT_THAT(error_of({.sizes = std::string("J\xff\xff\xff\xffK\3\x86", 8)}),
              HasSubstr("negative size"));
  EXPECT_THAT(error_of({.strides = std::string("J\xff\xff\xff\xffK\1\x86", 8)}),
              HasSubstr("negative stride"));
  // Expanded: more elements than the storage has, all of them inside it.
  EXPECT_THAT(error_of({.sizes = "J\xff\xff\xff\x7fK\1\x86", .strides = "K" + kZero + "K\1\x86"}),
              HasSubstr("larger than the 24"));
  EXPECT_THAT(error_of({.strides = "K\1\x85"}), HasSubstr("do not match"));
  EXPECT_THAT(error_of({.sizes = "NK\1\x86"}), HasSubstr("no integer"));
  EXPECT_THAT(error_of({.storage_class = "QInt8Storage"}), HasSubstr("'QInt8Storage'"));
}

TEST(TorchFile, DamagedContainersAreRefused) {
  const std::string object = TensorOps{}.text();
  EXPECT_THAT(error_of_file(legacy(object, floats(6), 7)), HasSubstr("may be truncated"));
  EXPECT_THAT(error_of_file(legacy(object, floats(6), ~uint64_t{0})), HasSubstr("truncated"));
  EXPECT_THAT(error_of_file(legacy(object, floats(6), 6, "\x89")), HasSubstr("big-endian"));
  EXPECT_THAT(error_of_file(pickle("\x8a\x0a"
                                   "0123456789")),
              HasSubstr("not torch.save's"));
  EXPECT_THAT(error_of_file(legacy("N", "", 0)), HasSubstr("belongs to no tensor"));

  const std::string zip = zip_of_writer();
  for (const double share : {0.1, 0.5, 0.9, 0.999}) {
    const auto size = static_cast<size_t>(share * static_cast<double>(zip.size()));
    EXPECT_THAT(error_of_file(zip.substr(0, size)), HasSubstr("truncated")) << share;
  }
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string bytes = zip;
    for (size_t at = 0; (at = bytes.find(from, at)) != std::string::npos;) {
      bytes.replace(at, from.size(), to);
    }
    return error_of_file(bytes);
  };
  EXPECT_THAT(changed("little", "big..."), "");  // only "big" is big
  EXPECT_THAT(changed("archive/data.pkl", "archive/none.pkl"), HasSubstr("no data.pkl"));
  EXPECT_THAT(changed("archive/version", "./constants.pkl"), HasSubstr("TorchScript"));
  EXPECT_THAT(changed("PK\1\2", "PK\1\3"), HasSubstr("no zip directory entry"));
}

TEST(ZipDirectory, CompressedAndEncryptedEntriesAreRefused) {
  const std::string zip = zip_of_writer();
  const size_t entry = zip.find("PK\1\2");
  const auto error = [&](size_t at, char value) {
    std::string bytes = zip;
    bytes[entry + at] = value;
    return error_of_file(bytes);
  };
  EXPECT_THAT(error(10, 8), HasSubstr("compressed"));
  EXPECT_THAT(error(8, 1), HasSubstr("encrypted"));
  EXPECT_THAT(error(42, 1), HasSubstr("no zip entry"));
}

// Sizes and offsets of 0xffffffff are in a ZIP64 field, the directory's in a record of its own.
TEST(ZipDirectory, ReadsZip64) {
  const auto number = [](auto value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  std::string zip = number(uint32_t{0x04034b50}) + std::string(22, '\0') + number(uint16_t{1}) +
                    number(uint16_t{0}) + "ahello";
  const uint64_t directory = zip.size();
  const std::string extra = number(uint16_t{9}) + number(uint16_t{0}) + number(uint16_t{1}) +
                            number(uint16_t{24}) + number(uint64_t{5}) + number(uint64_t{5}) +
                            number(uint64_t{0});
  zip += number(uint32_t{0x02014b50}) + std::string(16, '\0') + number(~uint32_t{0}) +
         number(~uint32_t{0}) + number(uint16_t{1}) + number(static_cast<uint16_t>(extra.size())) +
         number(uint16_t{0}) + std::string(8, '\0') + number(~uint32_t{0}) + "a" + extra;
  const uint64_t record = zip.size();
  zip += number(uint32_t{0x06064b50}) + std::string(28, '\0') + number(uint64_t{1}) +
         number(uint64_t{0}) + number(directory);
  zip += number(uint32_t{0x07064b50}) + number(uint32_t{0}) + number(record) + number(uint32_t{1});
  zip += number(uint32_t{0x06054b50}) + std::string(4, '\0') + number(uint16_t{0xffff}) +
         number(uint16_t{0xffff}) + number(~uint32_t{0}) + number(~uint32_t{0}) +
         number(uint16_t{0});
  const auto entries = zip_entries(bytes_of(zip), "z");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(zip.substr(entries[0].offset, entries[0].size), "hello");
}

}  // namespace
}  // namespace concertina

#include "supernet/container/shard_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  try {
    parse_shard_index(text, "m.index.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string in_file(const std::string& file) {
  return "{\"weight_map\": {\"a.weight\": " + file + "}}";
}

TEST(ShardIndex, NamesTheFileOfEachTensor) {
  const ShardIndex index = parse_shard_index(
      R"({"metadata": {"total_size": 12}, "weight_map": {"b": "2.bin", "a": "./sub//1.bin", "c": "2.bin"}})",
      "m.index.json");
  EXPECT_EQ(index, (ShardIndex{{"a", "sub/1.bin"}, {"b", "2.bin"}, {"c", "2.bin"}}));
}

TEST(ShardIndex, FilesOutsideTheFolderAreErrors) {
  for (const char* file : {R"("")", R"(".")", R"("..")", R"("../x")", R"("a/../../x")", R"("/x")",
                           R"("sub/")", R"("a\u0000b")"}) {
    EXPECT_THAT(error_of(in_file(file)), HasSubstr("outside its folder")) << file;
  }
  EXPECT_THAT(error_of(in_file("\"" + std::string(5000, 'x') + "\"")),
              HasSubstr("outside its folder"));
  EXPECT_THAT(error_of(in_file("\"../secret\"")), HasSubstr("tensor a.weight in '../secret'"));
  EXPECT_THAT(error_of(in_file("7")), HasSubstr("the file of tensor a.weight is no text"));
}

TEST(ShardIndex, OtherJsonIsAnError) {
  for (const char* text : {"[]", "{}", R"({"weight_map": {}})", R"({"weight_map": ["a"]})", "7"}) {
    EXPECT_THAT(error_of(text), HasSubstr("it has no weight_map")) << text;
  }
  EXPECT_THAT(error_of("{"), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of(std::string((16 << 20) + 1, ' ')), HasSubstr("16777217 bytes"));
}

}  // namespace
}  // namespace concertina

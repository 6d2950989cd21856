#include "supernet/container/safetensors_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + header + data;
}

SafetensorsLayout parse(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), "m.safetensors");
}

std::string error_of(const std::string& tensor, const std::string& data = "12345678") {
  try {
    parse(file_of(tensor, data));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(SafetensorsLayout, TensorsAndMetadata) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]},)"
      R"("s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
      R"("e":{"dtype":"F32","shape":[0,9],"data_offsets":[8,8]}})";
  const SafetensorsLayout layout = parse(file_of(header, "12345678"));
  EXPECT_EQ(layout.metadata.at("format"), "pt");
  const TensorLayout& a = layout.tensors.at("a");
  EXPECT_EQ(a.dtype, DType::kF16);
  EXPECT_EQ(a.offset, 8 + header.size() + 4);
  EXPECT_EQ(a.strides, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(layout.tensors.at("s").numel(), 1u);
  EXPECT_EQ(layout.tensors.at("e").extent(), 0u);
}

TEST(SafetensorsLayout, WhatDoesNotFitIsRefused) {
  const auto tensor = [](const std::string& fields) { return "{\"a\":{" + fields + "}}"; };
  EXPECT_THAT(error_of(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])")),
              HasSubstr("outside the file (8 data bytes)"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,4])")),
              HasSubstr("outside the file"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])")),
              HasSubstr("larger than the 8 bytes"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])")),
              HasSubstr("has 8 bytes at byte"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])")),
              HasSubstr("negative size"));
  EXPECT_THAT(
      error_of(tensor(
          R"("dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8])")),
      HasSubstr("larger than"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,0])")),
              HasSubstr("larger than the 0 bytes"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"F99","shape":[1],"data_offsets":[0,8])")),
              HasSubstr("unknown dtype 'F99'"));
  EXPECT_THAT(error_of(tensor(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],)"
                              R"("data_offsets":[0,1])")),
              HasSubstr("too many dimensions"));
  EXPECT_THAT(error_of(tensor(R"("shape":[1])")), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of("[1,2]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of("{\"a\""), HasSubstr("cannot be read"));
}

TEST(SafetensorsLayout, EveryByteIsOneTensors) {
  const auto two = [](int64_t a, int64_t b) {
    return "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" + std::to_string(a) + "," +
           std::to_string(a + 4) + "]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" +
           std::to_string(b) + "," + std::to_string(b + 4) + "]}}";
  };
  EXPECT_EQ(error_of(two(0, 4)), "");
  EXPECT_EQ(error_of(two(4, 0)), "");
  EXPECT_THAT(error_of(two(0, 0), "1234"), HasSubstr("tensor b at byte"));
  EXPECT_THAT(error_of(two(0, 0), "1234"), HasSubstr("overlaps the tensor before it"));
  EXPECT_THAT(error_of(two(0, 2), "123456"), HasSubstr("overlaps"));
  EXPECT_THAT(error_of(two(0, 8), "123456789012"), HasSubstr("belong to no tensor"));
  EXPECT_THAT(error_of(two(0, 4), "123456789"), HasSubstr("belong to no tensor"));
  EXPECT_THAT(error_of("{}", "x"), HasSubstr("belong to no tensor"));
}

TEST(SafetensorsLayout, HeadersThatDoNotFitAreRefused) {
  EXPECT_THROW(parse("1234567"), InputError);
  EXPECT_THROW(parse(std::string(8, '\xff')), InputError);
  const uint64_t size = (uint64_t{16} << 20) + 1;
  const std::string length(reinterpret_cast<const char*>(&size), sizeof(size));
  EXPECT_THROW(parse(length + std::string(size, ' ')), InputError);
}

}  // namespace
}  // namespace concertina

// Weights as real numbers, out of files of several kinds.
#include "cli/publish/float_weights.h"

#include <gtest/gtest.h>

#include <bit>

#include "compiler/compile.h"

namespace godwit::cli {
namespace {

auto append_tensor(std::string& header, Bytes& data, std::string const& name,
                   std::string const& dtype, std::string const& shape, Bytes const& bytes) {
  header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"" + dtype +
            "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(data.size()) + "," +
            std::to_string(data.size() + bytes.size()) + "]}";
  data.insert(data.end(), bytes.begin(), bytes.end());
}

auto safetensors(std::string header, Bytes const& data) -> Bytes {
  header += "}";
  Writer file;
  file.u64(header.size());
  file.bytes(as_bytes(header));
  file.bytes(data);
  return std::move(file).take();
}

auto little(std::vector<float> const& values) -> Bytes {
  Writer bytes;
  for (float const value : values) bytes.u32(std::bit_cast<uint32_t>(value));
  return std::move(bytes).take();
}

TEST(ReadFloatWeights, FloatingPointOfEachWidth) {
  std::string header = "{";
  Bytes data;
  append_tensor(header, data, "a", "F32", "2,2", little({1.5f, -2, 0.25f, 1e-3f}));
  append_tensor(header, data, "b", "F16", "2", {0x00, 0x3e, 0x00, 0xc0});   // 1.5, -2
  append_tensor(header, data, "c", "BF16", "2", {0xc0, 0x3f, 0x00, 0xc0});  // 1.5, -2
  append_tensor(header, data, "codes without a scale", "I8", "2", {1, 2});
  auto const weights = read_float_weights(safetensors(header, data));
  ASSERT_TRUE(weights) << weights.error().what;
  ASSERT_EQ(weights->size(), 3u);
  EXPECT_EQ((*weights)[0].name, "a");
  EXPECT_EQ((*weights)[0].shape, (std::vector<uint32_t>{2, 2}));
  EXPECT_EQ((*weights)[0].values, (std::vector<float>{1.5f, -2, 0.25f, 1e-3f}));
  EXPECT_EQ((*weights)[1].values, (std::vector<float>{1.5f, -2}));
  EXPECT_EQ((*weights)[2].values, (std::vector<float>{1.5f, -2}));
}

TEST(ReadFloatWeights, WhatIsNoNumberIsRefused) {
  for (auto const& [dtype, bytes] : {std::pair<char const*, Bytes>{"F32", {0, 0, 0x80, 0x7f}},
                                     {"F32", {1, 0, 0x80, 0xff}},
                                     {"F16", {0x00, 0x7c}},
                                     {"BF16", {0x80, 0xff}}}) {
    std::string header = "{";
    Bytes data;
    append_tensor(header, data, "a", dtype, "1", bytes);
    auto const weights = read_float_weights(safetensors(header, data));
    ASSERT_FALSE(weights) << dtype;
    EXPECT_NE(weights.error().what.find("'a' holds what is no number"), std::string::npos);
  }
}

TEST(ReadFloatWeights, FilesOfOtherKindsAreRefused) {
  for (auto const& file : {Bytes(), Bytes(100, 7)})
    EXPECT_NE(read_float_weights(file).error().what.find("give a .tflite"), std::string::npos);
}

}  // namespace
}  // namespace godwit::cli

// The tables of each kind of file: what is found, and that damage finds nothing.
#include "server/delta/tables/tensor_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "compiler/compile.h"
#include "server/delta/tables/readers.h"
#include "tests/unit/server/delta/tables/files.h"

namespace godwit::delta {
namespace {

auto read(std::string const& name) -> Bytes {
  std::ifstream in(std::string(GODWIT_TEST_DATA "/models/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

auto find(TensorTable const& table, std::string_view name) -> FileTensor const* {
  auto const found = std::ranges::find(table.tensors, name, &FileTensor::name);
  return found == table.tensors.end() ? nullptr : &*found;
}

auto floats(size_t count) -> Bytes {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i)
    for (uint8_t const byte : {uint8_t{0}, static_cast<uint8_t>(i), uint8_t{0x80}, uint8_t{0x3c}})
      bytes.push_back(byte);
  return bytes;
}

void expect_holds(ByteView file, TensorTable const& table, MadeTensor const& made) {
  SCOPED_TRACE(made.name);
  auto const* found = find(table, made.name);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->type, made.type);
  EXPECT_EQ(found->shape, made.shape);
  ASSERT_EQ(found->bytes, made.bytes.size());
  auto const there = file.subspan(static_cast<size_t>(found->offset), made.bytes.size());
  EXPECT_TRUE(std::ranges::equal(there, made.bytes));
}

TEST(Table, OfSafetensors) {
  std::vector<MadeTensor> const made = {
      int8_tensor("a", 8, 16, 1),
      {.name = "b", .type = ElementType::fp32, .shape = {10}, .bytes = floats(10)},
      {.name = "c", .type = ElementType::fp16, .shape = {2, 5, 2}, .bytes = floats(10)}};
  auto const file = safetensors(made);
  auto const table = read_tensor_table(file);
  EXPECT_EQ(table.kind, "safetensors");
  EXPECT_EQ(table.tensors.size(), made.size());
  for (auto const& tensor : made) expect_holds(file, table, tensor);
}

TEST(Table, OfOnnx) {
  std::vector<MadeTensor> const made = {
      int8_tensor("weights", 8, 16, 1),
      {.name = "scales", .type = ElementType::fp32, .shape = {8}, .bytes = floats(8)}};
  for (bool const packed : {true, false}) {
    auto const file = onnx(made, {.packed_dims = packed, .scales_of = "weights"});
    auto const table = read_tensor_table(file);
    EXPECT_EQ(table.kind, "onnx");
    for (auto const& tensor : made) expect_holds(file, table, tensor);
    auto const* weights = find(table, "weights");
    ASSERT_TRUE(weights && weights->scales);
    EXPECT_EQ(weights->scales->offset, find(table, "scales")->offset);
    EXPECT_EQ(weights->scales->count, 8u);
  }
}

TEST(Table, OfOnnxHoldsWhatBranchesHold) {
  auto const made = int8_tensor("weights", 8, 16, 1);
  auto const file = onnx({made}, {.branch = true});
  expect_holds(file, read_tensor_table(file), made);
}

TEST(Table, OfModelsInsideOfAFileHoldsThemAll) {
  auto const first = read("ic-1.tflite");
  auto const second = read("sww-1.tflite");
  Bytes file(37, 9);
  file.insert(file.end(), first.begin(), first.end());
  file.insert(file.end(), second.begin(), second.end());
  auto const table = read_tensor_table(file);
  EXPECT_EQ(table.kind, "bundle");
  auto const of_first = read_tensor_table(first);
  auto const of_second = read_tensor_table(second);
  ASSERT_EQ(table.tensors.size(), of_first.tensors.size() + of_second.tensors.size());
  auto const& last = table.tensors.back();
  EXPECT_EQ(last.offset, 37 + first.size() + of_second.tensors.back().offset);
  EXPECT_EQ(last.name, "2:" + of_second.tensors.back().name);
}

TEST(Table, OfOnnxLeavesDataInOtherFilesAlone) {
  auto const file = onnx({int8_tensor("weights", 8, 16, 1)}, {.external = true});
  EXPECT_TRUE(read_tensor_table(file).tensors.empty());
}

TEST(Table, OfTfliteHoldsTheWeightsWithTheirScales) {
  auto const file = read("ic-1.tflite");
  auto const table = read_tensor_table(file);
  EXPECT_EQ(table.kind, "tflite");
  uint64_t covered = 0;
  size_t scaled_by_row = 0;
  for (auto const& tensor : table.tensors) {
    covered += tensor.bytes;
    auto const span = tensor.span();
    scaled_by_row += span.scales && span.scales->count == span.rows && span.rows > 1;
  }
  EXPECT_GT(covered, file.size() * 3 / 4);
  EXPECT_GE(scaled_by_row, 9u);  // its convolutions
}

TEST(Table, OfACompiledModelHoldsTheSameWeights) {
  auto const source = read("ic-1.tflite");
  auto const compiled = compiler::compile_tflite(source, {});
  ASSERT_TRUE(compiled) << compiled.error().what;
  auto const table = read_tensor_table(compiled->model);
  EXPECT_EQ(table.kind, "compiled model");
  uint64_t covered = 0;
  for (auto const& tensor : table.tensors) covered += tensor.bytes;
  EXPECT_GT(covered, compiled->model.size() * 3 / 4);
}

TEST(Table, OfAnythingElseIsEmpty) {
  EXPECT_TRUE(read_tensor_table({}).tensors.empty());
  EXPECT_TRUE(read_tensor_table(as_bytes("no model at all, just some text")).tensors.empty());
  EXPECT_TRUE(read_tensor_table(Bytes(5000)).tensors.empty());
  EXPECT_TRUE(read_tensor_table(made_weights(64, 100, 3)).tensors.empty());
}

TEST(Table, NeverLeadsOutOfADamagedFile) {
  auto const compiled = compiler::compile_tflite(read("ic-1.tflite"), {});
  ASSERT_TRUE(compiled);
  for (Bytes const& whole :
       {safetensors({int8_tensor("a", 8, 16, 1), int8_tensor("b", 8, 16, 2)}),
        onnx({int8_tensor("a", 8, 16, 1), int8_tensor("b", 8, 16, 2)}, {.scales_of = "a"}),
        read("sww-1.tflite"), compiled->model}) {
    size_t const step = std::max<size_t>(1, whole.size() / 500);
    for (size_t cut = 0; cut < whole.size(); cut += step) {
      Bytes damaged(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(cut));
      for (auto const& tensor : read_tensor_table(damaged).tensors)
        EXPECT_LE(tensor.offset + tensor.bytes, damaged.size());
      damaged = whole;
      damaged[cut] ^= 0xff;
      for (auto const& tensor : read_tensor_table(damaged).tensors)
        EXPECT_LE(tensor.offset + tensor.bytes, damaged.size());
    }
  }
}

TEST(Layout, IsReadAsItsWriterMeant) {
  auto const weights = made_weights(8, 16, 1);
  Bytes file = floats(8);
  file.insert(file.end(), weights.begin(), weights.end());
  auto const table = read_layout(
      R"({"tensors": [{"name": "s", "dtype": "float32", "shape": [8], "offset": 0},
          {"name": "w", "dtype": "int8", "shape": [8, 16], "offset": 32, "scale": "s"}]})",
      file);
  ASSERT_TRUE(table) << table.error().what;
  ASSERT_EQ(table->tensors.size(), 2u);
  auto const span = table->tensors[1].span();
  EXPECT_EQ(span.rows, 8u);
  EXPECT_EQ(span.cols, 16u);
  ASSERT_TRUE(span.scales);
  EXPECT_EQ(span.scales->offset, 0u);
  EXPECT_EQ(span.scales->count, 8u);
}

TEST(Layout, SaysWhatIsWrong) {
  Bytes const file(100);
  std::string const tensor = R"({"name": "w", "dtype": "int8", "shape": [10, 10], "offset": 0)";
  struct Case {
    std::string json;
    std::string reason;
  };
  for (auto const& [json, reason] : std::vector<Case>{
           {"[", "not JSON"},
           {"{}", "tensors"},
           {R"({"tensors": [{"name": "w"}]})", "dtype"},
           {R"({"tensors": [{"name": "w", "dtype": "int9", "shape": [1], "offset": 0}]})", "int9"},
           {R"({"tensors": [{"name": "w", "dtype": "int8", "shape": [101], "offset": 0}]})",
            "outside its file"},
           {R"({"tensors": [{"name": "w", "dtype": "int8", "shape": [9], "offset": 99}]})",
            "outside its file"},
           {R"({"tensors": [{"name": "w", "dtype": "int8", "shape": [9], "offset": -1}]})",
            "negative"},
           {R"({"tensors": [)" + tensor + "}, " + tensor + "}]}", "twice"},
           {R"({"tensors": [)" + tensor + R"(, "scale": "s"}]})", "scale"}}) {
    auto const table = read_layout(json, file);
    ASSERT_FALSE(table) << json;
    EXPECT_EQ(table.error().code, Code::invalid) << json;
    EXPECT_NE(table.error().what.find(reason), std::string::npos) << table.error().what;
  }
}

}  // namespace
}  // namespace godwit::delta

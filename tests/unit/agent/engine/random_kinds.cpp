#include "tests/unit/agent/engine/random_kinds.h"

namespace godwit::engine {

auto random_kinds() -> std::vector<RandomKind> const& {
  using proto::Opcode;
  static std::vector<RandomKind> const kinds = {
      {"conv", [](RandomStep& r) { return r.conv(false); }, true, true},
      {"depthwise", [](RandomStep& r) { return r.conv(true); }, true, true},
      {"fully_connected", [](RandomStep& r) { return r.fully_connected(); }, true, true},
      {"fully_connected_4", [](RandomStep& r) { return r.fully_connected_4(); }},
      {"transpose_conv", [](RandomStep& r) { return r.transpose_conv(); }, true, true},
      {"add", [](RandomStep& r) { return r.add(); }, true, true},
      {"sub", [](RandomStep& r) { return r.sum(Opcode::sub); }, true, true},
      {"average_pool", [](RandomStep& r) { return r.pool(Opcode::average_pool_2d); }, true, true},
      {"max_pool", [](RandomStep& r) { return r.pool(Opcode::max_pool_2d); }, true, true},
      {"mean", [](RandomStep& r) { return r.mean(); }, true, true},
      {"mul", [](RandomStep& r) { return r.binary(Opcode::mul); }, true, true},
      {"maximum", [](RandomStep& r) { return r.binary(Opcode::maximum); }, true, true},
      {"minimum", [](RandomStep& r) { return r.binary(Opcode::minimum); }, true, true},
      {"squared_difference", [](RandomStep& r) { return r.binary(Opcode::squared_difference); }},
      {"prelu", [](RandomStep& r) { return r.binary(Opcode::prelu); }},
      {"wide_slopes", [](RandomStep& r) { return r.slopes(); }, false, true},
      {"reduce_max", [](RandomStep& r) { return r.reduced(Opcode::reduce_max); }},
      {"reduce_min", [](RandomStep& r) { return r.reduced(Opcode::reduce_min); }},
      {"arg_max", [](RandomStep& r) { return r.reduced(Opcode::arg_max); }},
      {"arg_min", [](RandomStep& r) { return r.reduced(Opcode::arg_min); }},
      {"batch_matmul", [](RandomStep& r) { return r.batch_matmul(); }, true, true},
      {"resize_bilinear", [](RandomStep& r) { return r.resize_bilinear(); }},
      {"requantize", [](RandomStep& r) { return r.converted(Opcode::requantize); }},
      {"cast", [](RandomStep& r) { return r.converted(Opcode::cast); }},
      {"dequantize", [](RandomStep& r) { return r.converted(Opcode::dequantize); }},
      {"pair_lookup", [](RandomStep& r) { return r.binary(Opcode::pair_lookup); }},
      {"lookup", [](RandomStep& r) { return r.lookup(); }},
      {"pad", [](RandomStep& r) { return r.pad(); }},
      {"reshape", [](RandomStep& r) { return r.reshape(); }, true, true},
      {"rearrange", [](RandomStep& r) { return r.rearrange(); }, true, true},
      {"concatenation", [](RandomStep& r) { return r.concatenation(); }, true, true},
      {"gather", [](RandomStep& r) { return r.gather(); }, true, true},
      {"lstm", [](RandomStep& r) { return r.lstm(); }},
      {"lstm_4", [](RandomStep& r) { return r.lstm(true); }},
      {"svdf", [](RandomStep& r) { return r.svdf(); }}};
  return kinds;
}

}  // namespace godwit::engine

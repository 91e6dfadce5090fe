// Turns untrusted bytes into a ModelView, or says what is wrong with them. Every read below is of
// a section whose size was checked first. No heap and no library: firmware links this alone.
#include <cmath>

#include "proto/base/limits.h"
#include "proto/format/model_layout.h"
#include "proto/format/operators.h"

namespace godwit::proto {

using layout::little;

namespace {

auto zero(ByteView bytes) -> bool {
  for (uint8_t byte : bytes)
    if (byte) return false;
  return true;
}

auto printable(std::string_view text) -> bool {
  for (char c : text)
    if (c < 0x20 || c > 0x7e) return false;
  return true;
}

auto same(ByteView bytes, std::string_view text) -> bool {
  for (size_t i = 0; i < text.size(); ++i)
    if (bytes[i] != static_cast<uint8_t>(text[i])) return false;
  return bytes.size() == text.size();
}

using Kind = ModelFault::Kind;

auto zero_point_fits(TensorType type, int32_t value) -> bool {
  switch (type) {
    case TensorType::int8:
      return value >= -128 && value <= 127;
    case TensorType::uint8:
      return value >= 0 && value <= 255;
    case TensorType::int16:
      return value >= -32768 && value <= 32767;
    case TensorType::int32:
    case TensorType::float32:
    case TensorType::int64:
      return value == 0;
  }
  return false;
}

}  // namespace

class ModelParser {
 public:
  ModelParser(ByteView bytes, ModelView& model) : bytes_(bytes), model_(model) {}

  auto parse() -> ModelFault {
    static_cast<void>(read_header() && read_sections() && read_plan() && count_records() &&
                      check_tensors() && check_operators() && check_outputs() && check_golden());
    return fault_;
  }

 private:
  // Each says whether it found nothing wrong; what it found is in `fault_`.
  auto corrupt(char const* reason) -> bool {
    fault_.kind = Kind::corrupt;
    fault_.reason = reason;
    return false;
  }

  auto newer(char const* reason) -> bool {
    corrupt(reason);
    fault_.kind = Kind::newer;
    return false;
  }

  /// Whether what was checked is good; where it lies, if not.
  auto in(bool good, std::string_view part, uint32_t index) -> bool {
    if (!good) fault_.part = part, fault_.index = index;
    return good;
  }

  auto read_header() -> bool {
    if (bytes_.size() > limits::kModelBytesMax) return corrupt("larger than any model may be");
    if (bytes_.size() < layout::kHeaderBytes ||
        !same(bytes_.first(layout::kMagic.size()), layout::kMagic))
      return corrupt("not a compiled model");
    auto const version = little<uint16_t>(bytes_, 8);
    if (version == 0) return corrupt("format version 0");
    if (version > kModelFormatVersion)
      return newer("the model has a later format version than this engine knows");
    model_.format_version_ = version;
    section_count_ = little<uint32_t>(bytes_, 12);
    if (section_count_ > layout::kSectionsMax) return corrupt("too many sections");
    if (little<uint64_t>(bytes_, 16) != bytes_.size()) return corrupt("truncated or extended");
    if (little<uint16_t>(bytes_, 10) != 0 || !zero(bytes_.subspan(24, 8)))
      return corrupt("reserved bytes of the header are not zero");
    return true;
  }

  auto section_field(uint32_t kind) -> ByteView* {
    static constexpr struct {
      uint32_t kind;
      ByteView ModelView::*field;
    } kFields[] = {
        {layout::kMetadata, &ModelView::metadata_},   {layout::kGolden, &ModelView::golden_},
        {layout::kPlan, &ModelView::outputs_},        {layout::kNames, &ModelView::names_},
        {layout::kScales, &ModelView::scales_},       {layout::kTensors, &ModelView::tensors_},
        {layout::kOperators, &ModelView::operators_}, {layout::kWords, &ModelView::words_},
        {layout::kConstants, &ModelView::constants_}};
    for (auto const& known : kFields)
      if (known.kind == kind) return &(model_.*known.field);
    return nullptr;
  }

  auto read_sections() -> bool {
    size_t end = layout::kHeaderBytes + section_count_ * layout::kSectionEntryBytes;
    if (bytes_.size() < end) return corrupt("section table past the end");
    for (uint32_t i = 0; i < section_count_; ++i)
      if (!in(read_section(i, end), "section", i)) return false;
    return true;
  }

  /// `end` is where the last one ended.
  auto read_section(uint32_t i, size_t& end) -> bool {
    size_t const entry = layout::kHeaderBytes + i * layout::kSectionEntryBytes;
    auto const flags = little<uint32_t>(bytes_, entry + 4);
    auto const offset = little<uint64_t>(bytes_, entry + 8);
    auto const size = little<uint64_t>(bytes_, entry + 16);
    if (flags > layout::kRequired) return corrupt("unknown flags");
    if (offset % layout::kSectionAlignment || offset < end || offset > bytes_.size() ||
        size > bytes_.size() - offset)
      return corrupt("out of order or past the end");
    end = static_cast<size_t>(offset + size);
    auto* const field = section_field(little<uint32_t>(bytes_, entry));
    if (!field)
      return flags != layout::kRequired || newer("required, and of a kind that this engine lacks");
    if (size == 0) return corrupt("empty");
    if (!field->empty()) return corrupt("a second one of its kind");
    *field = bytes_.subspan(static_cast<size_t>(offset), static_cast<size_t>(size));
    return true;
  }

  auto read_plan() -> bool {
    auto const plan = model_.outputs_;
    if (plan.size() < layout::kPlanBytes) return corrupt("no plan section");
    model_.arena_bytes_ = little<uint32_t>(plan, 0);
    model_.input_count_ = little<uint32_t>(plan, 4);
    model_.output_count_ = little<uint32_t>(plan, 8);
    auto const rounding = little<uint32_t>(plan, 12);
    if (model_.arena_bytes_ > kArenaBytesMax) return corrupt("plan: arena too large");
    if (rounding > 1) return corrupt("plan: unknown rounding");
    model_.state_bytes_ = little<uint32_t>(plan, 16);
    if (model_.state_bytes_ > kStateBytesMax) return corrupt("plan: state too large");
    if (!zero(plan.subspan(20, 4))) return corrupt("plan: reserved bytes are not zero");
    model_.rounding_ = static_cast<Rounding>(rounding);
    model_.outputs_ = plan.subspan(layout::kPlanBytes);
    if (model_.output_count_ == 0 || model_.output_count_ > kTensorsMax ||
        model_.outputs_.size() != 4 * size_t{model_.output_count_})
      return corrupt("plan: wrong size for its outputs");
    return true;
  }

  auto count_records() -> bool {
    if (model_.tensors_.size() % layout::kTensorBytes ||
        model_.tensors_.size() / layout::kTensorBytes > kTensorsMax)
      return corrupt("tensors: wrong size");
    if (model_.operators_.size() % layout::kOperatorBytes ||
        model_.operators_.size() / layout::kOperatorBytes > kOperatorsMax)
      return corrupt("operators: wrong size");
    if (model_.words_.size() % 4 || model_.scales_.size() % 4)
      return corrupt("operator words or scales: wrong size");
    model_.tensor_count_ = static_cast<uint32_t>(model_.tensors_.size() / layout::kTensorBytes);
    model_.operator_count_ =
        static_cast<uint32_t>(model_.operators_.size() / layout::kOperatorBytes);
    if (model_.input_count_ == 0 || model_.input_count_ > model_.tensor_count_)
      return corrupt("plan: more inputs than tensors, or none");
    return true;
  }

  auto check_tensors() -> bool {
    for (uint32_t i = 0; i < model_.tensor_count_; ++i)
      if (!in(check_tensor(i), "tensor", i)) return false;
    return true;
  }

  auto check_tensor(uint32_t i) -> bool {
    auto const record = model_.tensors_.subspan(i * layout::kTensorBytes, layout::kTensorBytes);
    uint64_t const name_end = uint64_t{little<uint32_t>(record, 0)} + little<uint16_t>(record, 4);
    if (name_end > model_.names_.size()) return corrupt("name past the end");
    if (record[6] < 1 || record[6] > 6) return corrupt("unknown type");
    if (record[7] > 2) return corrupt("unknown place");
    uint32_t const rank = record[8];
    if (rank > kTensorRankMax) return corrupt("rank too high");
    if (!zero(record.subspan(10, 2)) || !zero(record.subspan(52)) ||
        !zero(record.subspan(24 + 4 * rank, 4 * (kTensorRankMax - rank))))
      return corrupt("reserved bytes are not zero");
    uint64_t size_bytes = element_bytes(static_cast<TensorType>(record[6]));
    for (uint32_t d = 0; d < rank; ++d) {
      auto const extent = little<uint32_t>(record, 24 + 4 * d);
      if (extent == 0 || extent > kTensorBytesMax) return corrupt("empty or too large");
      size_bytes *= extent;  // Both are at most 2^28: no overflow.
      if (size_bytes > kTensorBytesMax) return corrupt("empty or too large");
    }
    uint64_t const scales_end =
        uint64_t{little<uint32_t>(record, 12)} + little<uint32_t>(record, 16);
    if (scales_end * 4 > model_.scales_.size()) return corrupt("scales past the end");
    return check_tensor_values(model_.tensor(i));
  }

  auto space(Place place) const -> uint64_t {
    switch (place) {
      case Place::arena:
        return model_.arena_bytes_;
      case Place::state:
        return model_.state_bytes_;
      case Place::constant:
        break;
    }
    return model_.constants_.size();
  }

  auto check_tensor_values(Tensor const& tensor) -> bool {
    if (!printable(tensor.name)) return corrupt("name is not printable ASCII");
    if (tensor.offset % kTensorAlignment ||
        uint64_t{tensor.offset} + tensor.size_bytes > space(tensor.place))
      return corrupt("lies outside its memory or is not aligned");
    if (tensor.type == TensorType::int64 && tensor.place != Place::constant)
      return corrupt("computes with values of 64 bits");
    if (!zero_point_fits(tensor.type, tensor.zero_point)) return corrupt("zero point out of range");
    bool const per_axis = tensor.scale_count > 1;
    if (per_axis ? tensor.scale_axis >= tensor.rank ||
                       tensor.scale_count != tensor.shape[tensor.scale_axis]
                 : tensor.scale_axis != 0)
      return corrupt("scales do not fit the shape");
    for (uint32_t i = 0; i < tensor.scale_count; ++i)
      if (!std::isfinite(tensor.scale(i)) || tensor.scale(i) <= 0)
        return corrupt("a scale is not a positive number");
    return true;
  }

  auto check_operators() -> bool {
    uint64_t made = model_.input_count_;
    for (uint32_t i = 0; i < model_.operator_count_; ++i)
      made += model_.operators_[i * layout::kOperatorBytes + 3];
    if (made > model_.tensor_count_) return corrupt("operators make more tensors than there are");
    activations_ = static_cast<uint32_t>(made);
    for (uint32_t i = 0; i < model_.tensor_count_; ++i)
      if ((model_.tensor(i).place == Place::arena) != (i < activations_))
        return in(corrupt("in the wrong place for its number"), "tensor", i);
    made_ = model_.input_count_;
    for (uint32_t i = 0; i < model_.operator_count_; ++i)
      if (!in(check_one_operator(i), "operator", i)) return false;
    return true;
  }

  auto check_one_operator(uint32_t i) -> bool {
    auto const record =
        model_.operators_.subspan(i * layout::kOperatorBytes, layout::kOperatorBytes);
    auto const* const expected = arity(static_cast<Opcode>(little<uint16_t>(record, 0)));
    if (!expected) return newer("a kind that this engine lacks");
    auto const params = little<uint16_t>(record, 4);
    if (!expected->inputs.holds(record[2]) || !expected->outputs.holds(record[3]) ||
        params != expected->params)
      return corrupt("wrong number of inputs, outputs or parameters");
    if (!zero(record.subspan(6, 2)) || !zero(record.subspan(12, 4)))
      return corrupt("reserved bytes are not zero");
    uint64_t const words = uint64_t{record[2]} + record[3] + params;
    if ((little<uint32_t>(record, 8) + words) * 4 > model_.words_.size())
      return corrupt("words past the end");
    auto const op = model_.op(i);
    for (uint32_t k = 0; k < op.input_count(); ++k) {
      auto const tensor = op.input(k);
      bool const lasting = tensor >= activations_ && tensor < model_.tensor_count_;
      if (tensor >= made_ && !lasting) return corrupt("reads a tensor that is not made yet");
      // Only what an operator says it keeps may be state, so kernels know what they may write.
      bool const is_state = lasting && model_.tensor(tensor).place == Place::state;
      if (is_state != (k + expected->states >= op.input_count()))
        return corrupt("has no state where it needs some, or some where it needs none");
    }
    for (uint32_t k = 0; k < op.output_count(); ++k)
      if (op.output(k) != made_++) return corrupt("writes a tensor out of order");
    auto const* const reason = check_operator(model_, op);
    if (!reason) return true;
    fault_.subject = to_string(op.code());
    return corrupt(reason);
  }

  auto check_outputs() -> bool {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < model_.output_count_; ++i) {
      if (model_.output(i) >= activations_) return corrupt("plan: an output is nobody's result");
      bytes += model_.tensor(model_.output(i)).size_bytes;
    }
    if (bytes > kTensorBytesMax) return corrupt("plan: outputs too large");
    return true;
  }

  auto check_golden() -> bool {
    if (!model_.metadata_.empty() && model_.metadata_.size() != layout::kMetadataBytes)
      return corrupt("metadata: wrong size");
    if (model_.golden_.empty()) return true;
    if (model_.golden_.size() != layout::kGoldenBytes) return corrupt("golden: wrong size");
    auto const rows = little<uint32_t>(model_.golden_, 8);
    if (rows == 0 || rows > kGoldenRowsMax) return corrupt("golden: wrong number of rows");
    if (!zero(model_.golden_.subspan(12, 4))) return corrupt("golden: reserved bytes are not zero");
    return true;
  }

  ByteView bytes_;
  ModelView& model_;
  ModelFault fault_;
  uint32_t section_count_ = 0;
  uint32_t activations_ = 0;  // tensors below this number live in the arena
  uint32_t made_ = 0;         // tensors below this number have a value at this point of the run
};

auto parse_model(ByteView bytes, ModelView& model) -> ModelFault {
  model = {};
  return ModelParser(bytes, model).parse();
}

}  // namespace godwit::proto

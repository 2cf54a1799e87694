#include "formats/torch_types.h"

namespace smlp {
namespace {

constexpr TorchType kTypes[] = {
    {"torch.float64", "torch.DoubleStorage", DType::f64, 8},
    {"torch.float32", "torch.FloatStorage", DType::f32, 4},
    {"torch.float16", "torch.HalfStorage", DType::f16, 2},
    {"torch.bfloat16", "torch.BFloat16Storage", DType::bf16, 2},
    {"torch.int64", "torch.LongStorage", DType::i64, 8},
    {"torch.int32", "torch.IntStorage", DType::i32, 4},
    {"torch.int16", "torch.ShortStorage", DType::i16, 2},
    {"torch.int8", "torch.CharStorage", DType::i8, 1},
    {"torch.uint8", "torch.ByteStorage", DType::u8, 1},
    {"torch.bool", "torch.BoolStorage", DType::boolean, 1},
    {"torch.complex64", "torch.ComplexFloatStorage", DType::other, 8},
    {"torch.complex128", "torch.ComplexDoubleStorage", DType::other, 16},
    {"torch.qint8", "torch.QInt8Storage", DType::other, 1},
    {"torch.quint8", "torch.QUInt8Storage", DType::other, 1},
    {"torch.qint32", "torch.QInt32Storage", DType::other, 4},
    {"torch.quint4x2", "torch.QUInt4x2Storage", DType::other, 1},
    {"torch.quint2x4", "torch.QUInt2x4Storage", DType::other, 1},
    {"", "torch.storage.UntypedStorage", DType::other, 1},
    {"", "torch.storage._UntypedStorage", DType::other, 1},
    {"torch.complex32", "", DType::other, 4},
    {"torch.uint16", "", DType::other, 2},
    {"torch.uint32", "", DType::other, 4},
    {"torch.uint64", "", DType::other, 8},
    {"torch.float8_e4m3fn", "", DType::other, 1},
    {"torch.float8_e4m3fnuz", "", DType::other, 1},
    {"torch.float8_e5m2", "", DType::other, 1},
    {"torch.float8_e5m2fnuz", "", DType::other, 1},
    {"torch.float8_e8m0fnu", "", DType::other, 1},
    {"torch.float4_e2m1fn_x2", "", DType::other, 1},
};

}  // namespace

const TorchType* find_torch_storage(std::string_view name) {
  constexpr std::string_view prefix = "torch.", device = "torch.cuda.";
  if (name.empty()) return nullptr;
  for (const TorchType& type : kTypes) {
    if (type.storage == name) return &type;
    if (name.starts_with(device) && !type.storage.empty() &&
        name.substr(device.size()) == type.storage.substr(prefix.size())) {
      return &type;
    }
  }
  return nullptr;
}

const TorchType* find_torch_dtype(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const TorchType& type : kTypes) {
    if (type.dtype == name) return &type;
  }
  return nullptr;
}

}  // namespace smlp

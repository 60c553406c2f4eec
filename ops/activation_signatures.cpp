#include "kernels/activation_signatures/activation_signatures.h"

#include <cmath>
#include <optional>
#include <vector>

#include "checks.h"
#include "kernels/common/bits.h"
#include "registration.h"

namespace funcsim {

namespace {

ScalarType element_type(const char* op, const Tensor& preactivations) {
  switch (dtype_of(preactivations)) {
    case Dtype::Float:
      return ScalarType::float32;
    case Dtype::Double:
      return ScalarType::float64;
    case Dtype::Half:
      return ScalarType::float16;
    case Dtype::BFloat16:
      return ScalarType::bfloat16;
    default:
      fail(op, ": preactivations must be float32, float64, float16 or bfloat16 [samples, units], got ",
           describe_tensor(preactivations));
  }
}

Tensor activation_signatures_op(const Tensor& preactivations, double margin) {
  constexpr const char* op = "activation_signatures";
  check(preactivations.dim() == 2, op, ": preactivations must be [samples, units], got ",
        describe_tensor(preactivations));
  const ScalarType type = element_type(op, preactivations);
  check(std::isfinite(margin) && margin >= 0, op, ": margin must be finite and at least 0, got ", margin);
  check_cpu(preactivations, op, "preactivations");

  const Activations activations{preactivations.const_data_ptr(), type,
                                preactivations.size(0),          preactivations.size(1),
                                preactivations.stride(0),        preactivations.stride(1)};
  const std::int64_t bytes = signature_bytes(activations.samples);
  Tensor signatures = new_tensor({activations.units, bytes}, Dtype::Byte);
  const std::vector<double> thresholds(margin > 0 ? activations.units : 0, margin);
  const std::optional<NanPosition> nan =
      activation_signatures(activations, thresholds.empty() ? nullptr : thresholds.data(),
                            signatures.mutable_data_ptr<std::uint8_t>(), bytes, torch_parallel_for());
  if (nan.has_value()) {
    fail(op, ": preactivations must not contain NaN, got one at sample ", nan->sample, ", unit ", nan->unit);
  }
  return signatures;
}

const OperatorRegistration registration("activation_signatures(Tensor preactivations, float margin=0.0) -> Tensor",
                                        TORCH_BOX(&activation_signatures_op));

}  // namespace

}  // namespace funcsim

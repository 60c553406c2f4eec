#include "kernels/activation_signatures/activation_signatures.h"

#include <torch/csrc/stable/ops.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels/activation_signatures/thresholds.h"
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

std::string nan_message(const char* op, std::int64_t sample, std::int64_t unit) {
  return std::string(op) + ": preactivations must not contain NaN, got one at sample " + std::to_string(sample) +
         ", unit " + std::to_string(unit);
}

/// A NaN is raised later: see synchronize().
void pack_on_device(const char* op, const Tensor& preactivations, const Activations& activations, double margin,
                    std::uint8_t* rows) {
  DeviceCall call(preactivations);
  const std::int64_t samples = activations.samples;
  FaultCell* fault = call.expect([=](FaultCell index) {
    const auto place = static_cast<std::int64_t>(index);
    return nan_message(op, place % samples, place / samples);
  });
  std::optional<Tensor> thresholds;
  if (margin > 0) {
    const bool wide = activations.type == ScalarType::float64;
    thresholds = new_tensor_like(preactivations, {activations.units}, wide ? Dtype::Double : Dtype::Float);
    torch::stable::fill_(*thresholds, wide ? margin : floor_to_float(margin));
  }
  call.kernels().activation_signatures(activations, thresholds.has_value() ? thresholds->const_data_ptr() : nullptr,
                                       rows, signature_bytes(samples), {fault, samples, 0}, call.queue());
}

Tensor activation_signatures_op(const Tensor& preactivations, double margin) {
  constexpr const char* op = "activation_signatures";
  check(preactivations.dim() == 2, op, ": preactivations must be [samples, units], got ",
        describe_tensor(preactivations));
  const ScalarType type = element_type(op, preactivations);
  check(std::isfinite(margin) && margin >= 0, op, ": margin must be finite and at least 0, got ", margin);
  check_device(preactivations, op, "preactivations");

  const Activations activations{preactivations.const_data_ptr(), type,
                                preactivations.size(0),          preactivations.size(1),
                                preactivations.stride(0),        preactivations.stride(1)};
  const std::int64_t bytes = signature_bytes(activations.samples);
  Tensor signatures = new_tensor_like(preactivations, {activations.units, bytes}, Dtype::Byte);
  auto* rows = signatures.mutable_data_ptr<std::uint8_t>();
  if (!preactivations.is_cpu()) {
    pack_on_device(op, preactivations, activations, margin, rows);
    return signatures;
  }
  const std::vector<double> thresholds(margin > 0 ? activations.units : 0, margin);
  const std::optional<NanPosition> nan = activation_signatures(
      activations, thresholds.empty() ? nullptr : thresholds.data(), rows, bytes, torch_parallel_for());
  if (nan.has_value()) {
    throw Error(nan_message(op, nan->sample, nan->unit));
  }
  return signatures;
}

const OperatorRegistration registration("activation_signatures(Tensor preactivations, float margin=0.0) -> Tensor",
                                        TORCH_BOX(&activation_signatures_op));

}  // namespace

}  // namespace funcsim

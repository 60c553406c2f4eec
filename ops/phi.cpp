#include "checks.h"
#include "kernels/jaccard/jaccard.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor phi_op(const Tensor& signatures_a, const Tensor& signatures_b, std::int64_t num_samples) {
  constexpr const char* op = "phi";
  check(num_samples < (std::int64_t{1} << 31), op, ": num_samples must be below 2^31, got ", num_samples);
  const Tensor a = checked_signatures(signatures_a, op, "signatures_a", num_samples);
  const Tensor b = checked_signatures(signatures_b, op, "signatures_b", num_samples);
  check_same_device(op, "signatures_a", a, "signatures_b", b);
  Tensor similarity = new_tensor_like(a, {a.size(0), b.size(0)}, Dtype::Float);
  const auto* rows_a = a.const_data_ptr<std::uint8_t>();
  const auto* rows_b = b.const_data_ptr<std::uint8_t>();
  auto* out = similarity.mutable_data_ptr<float>();
  if (a.is_cpu()) {
    phi(rows_a, a.size(0), rows_b, b.size(0), a.size(1), num_samples, out, torch_parallel_for());
  } else {
    const DeviceCall call(a);
    call.kernels().phi(rows_a, a.size(0), rows_b, b.size(0), a.size(1), num_samples, out, call.queue());
  }
  return similarity;
}

const OperatorRegistration registration("phi(Tensor signatures_a, Tensor signatures_b, SymInt num_samples) -> Tensor",
                                        TORCH_BOX(&phi_op));

}  // namespace

}  // namespace funcsim

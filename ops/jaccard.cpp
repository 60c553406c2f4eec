#include "kernels/jaccard/jaccard.h"

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor jaccard_op(const Tensor& signatures_a, const Tensor& signatures_b) {
  constexpr const char* op = "jaccard";
  const Tensor a = checked_matrix(signatures_a, op, "signatures_a", Dtype::Byte, "[units, bytes]");
  const Tensor b = checked_matrix(signatures_b, op, "signatures_b", Dtype::Byte, "[units, bytes]");
  check_same_device(op, "signatures_a", a, "signatures_b", b);
  if (a.size(1) != b.size(1)) {
    fail(op, ": signatures must be of the same samples, so of equally many bytes a unit, got ", describe_tensor(a),
         " and ", describe_tensor(b));
  }
  if (a.size(1) >= (std::int64_t{1} << 28)) {
    fail(op, ": signatures must have fewer than 2^31 samples, 2^28 bytes a unit, got ", describe_tensor(a));
  }
  Tensor similarity = new_tensor_like(a, {a.size(0), b.size(0)}, Dtype::Float);
  const auto* rows_a = a.const_data_ptr<std::uint8_t>();
  const auto* rows_b = b.const_data_ptr<std::uint8_t>();
  auto* out = similarity.mutable_data_ptr<float>();
  if (a.is_cpu()) {
    jaccard(rows_a, a.size(0), rows_b, b.size(0), a.size(1), out, torch_parallel_for());
  } else {
    const DeviceCall call(a);
    call.kernels().jaccard(rows_a, a.size(0), rows_b, b.size(0), a.size(1), out, call.queue());
  }
  return similarity;
}

const OperatorRegistration registration("jaccard(Tensor signatures_a, Tensor signatures_b) -> Tensor",
                                        TORCH_BOX(&jaccard_op));

}  // namespace

}  // namespace funcsim

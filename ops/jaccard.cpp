#include "kernels/jaccard/jaccard.h"

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor jaccard_op(const Tensor& signatures_a, const Tensor& signatures_b) {
  constexpr const char* op = "jaccard";
  const Tensor a = checked_matrix(signatures_a, op, "signatures_a", Dtype::Byte, "[units, bytes]");
  const Tensor b = checked_matrix(signatures_b, op, "signatures_b", Dtype::Byte, "[units, bytes]");
  if (a.size(1) != b.size(1)) {
    fail(op, ": signatures must be of the same samples, so of equally many bytes a unit, got ", describe_tensor(a),
         " and ", describe_tensor(b));
  }
  if (a.size(1) >= (std::int64_t{1} << 28)) {
    fail(op, ": signatures must have fewer than 2^31 samples, 2^28 bytes a unit, got ", describe_tensor(a));
  }
  Tensor similarity = new_tensor({a.size(0), b.size(0)}, Dtype::Float);
  jaccard(a.const_data_ptr<std::uint8_t>(), a.size(0), b.const_data_ptr<std::uint8_t>(), b.size(0), a.size(1),
          similarity.mutable_data_ptr<float>(), torch_parallel_for());
  return similarity;
}

const OperatorRegistration registration("jaccard(Tensor signatures_a, Tensor signatures_b) -> Tensor",
                                        TORCH_BOX(&jaccard_op));

}  // namespace

}  // namespace funcsim

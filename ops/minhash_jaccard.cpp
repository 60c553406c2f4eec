#include "kernels/minhash_jaccard/minhash_jaccard.h"

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor minhash_jaccard_op(const Tensor& sketches_a, const Tensor& sketches_b) {
  constexpr const char* op = "minhash_jaccard";
  const Tensor a = checked_matrix(sketches_a, op, "sketches_a", Dtype::Int, "[units, num_hashes]");
  const Tensor b = checked_matrix(sketches_b, op, "sketches_b", Dtype::Int, "[units, num_hashes]");
  check_same_device(op, "sketches_a", a, "sketches_b", b);
  check(a.size(1) == b.size(1), op, ": sketches must have equally many hashes a unit, got ", describe_tensor(a),
        " and ", describe_tensor(b));
  check_num_hashes(op, a.size(1));
  Tensor similarity = new_tensor_like(a, {a.size(0), b.size(0)}, Dtype::Float);
  const auto* slots_a = a.const_data_ptr<std::int32_t>();
  const auto* slots_b = b.const_data_ptr<std::int32_t>();
  auto* out = similarity.mutable_data_ptr<float>();
  if (a.is_cpu()) {
    minhash_jaccard(slots_a, a.size(0), slots_b, b.size(0), a.size(1), out, torch_parallel_for());
  } else {
    const DeviceCall call(a);
    call.kernels().minhash_jaccard(slots_a, a.size(0), slots_b, b.size(0), a.size(1), out, call.queue());
  }
  return similarity;
}

const OperatorRegistration registration("minhash_jaccard(Tensor sketches_a, Tensor sketches_b) -> Tensor",
                                        TORCH_BOX(&minhash_jaccard_op));

}  // namespace

}  // namespace funcsim

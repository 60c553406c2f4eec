#include "kernels/minhash_jaccard/minhash_jaccard.h"

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor minhash_jaccard_op(const Tensor& sketches_a, const Tensor& sketches_b) {
  constexpr const char* op = "minhash_jaccard";
  const Tensor a = checked_matrix(sketches_a, op, "sketches_a", Dtype::Int, "[units, num_hashes]");
  const Tensor b = checked_matrix(sketches_b, op, "sketches_b", Dtype::Int, "[units, num_hashes]");
  check(a.size(1) == b.size(1), op, ": sketches must have equally many hashes a unit, got ", describe_tensor(a),
        " and ", describe_tensor(b));
  check_num_hashes(op, a.size(1));
  Tensor similarity = new_tensor({a.size(0), b.size(0)}, Dtype::Float);
  minhash_jaccard(a.const_data_ptr<std::int32_t>(), a.size(0), b.const_data_ptr<std::int32_t>(), b.size(0), a.size(1),
                  similarity.mutable_data_ptr<float>(), torch_parallel_for());
  return similarity;
}

const OperatorRegistration registration("minhash_jaccard(Tensor sketches_a, Tensor sketches_b) -> Tensor",
                                        TORCH_BOX(&minhash_jaccard_op));

}  // namespace

}  // namespace funcsim

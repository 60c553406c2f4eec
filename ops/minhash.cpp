#include "kernels/minhash/minhash.h"

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor minhash_op(const Tensor& signatures, std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
                  std::int64_t first_sample) {
  constexpr const char* op = "minhash";
  check_num_hashes(op, num_hashes);
  const Tensor rows = checked_signatures(signatures, op, "signatures", num_samples);
  check_first(op, "first_sample", first_sample, num_samples, "samples");
  Tensor sketches = new_tensor({rows.size(0), num_hashes}, Dtype::Int);
  auto* slots = sketches.mutable_data_ptr<std::int32_t>();
  new_minhash_of_run(rows.const_data_ptr<std::uint8_t>(), rows.size(0), rows.size(1), num_samples, num_hashes, seed,
                     first_sample, slots, torch_parallel_for());
  return sketches;
}

const OperatorRegistration registration(
    "minhash(Tensor signatures, SymInt num_samples, int num_hashes=1024, int seed=0, SymInt first_sample=0) -> "
    "Tensor",
    TORCH_BOX(&minhash_op));

}  // namespace

}  // namespace funcsim

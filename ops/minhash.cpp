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
  Tensor sketches = new_tensor_like(rows, {rows.size(0), num_hashes}, Dtype::Int);
  const auto* bits = rows.const_data_ptr<std::uint8_t>();
  auto* slots = sketches.mutable_data_ptr<std::int32_t>();
  if (rows.is_cpu()) {
    new_minhash_of_run(bits, rows.size(0), rows.size(1), num_samples, num_hashes, seed, first_sample, slots,
                       torch_parallel_for());
  } else {
    const DeviceCall call(rows);
    call.kernels().minhash(bits, rows.size(0), rows.size(1), num_samples, {first_sample, nullptr, 1}, num_hashes, seed,
                           /*merge=*/false, slots, call.queue());
  }
  return sketches;
}

const OperatorRegistration registration(
    "minhash(Tensor signatures, SymInt num_samples, int num_hashes=1024, int seed=0, SymInt first_sample=0) -> "
    "Tensor",
    TORCH_BOX(&minhash_op));

}  // namespace

}  // namespace funcsim

#include "kernels/signature_statistics/signature_statistics.h"

#include <tuple>

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

std::tuple<Tensor, Tensor> signature_statistics_op(const Tensor& signatures, std::int64_t num_samples,
                                                   std::int64_t first_sample) {
  constexpr const char* op = "signature_statistics";
  check(first_sample >= 0 && first_sample % 64 == 0, op, ": first_sample must be a multiple of 64 and at least 0, got ",
        first_sample);
  const Tensor rows = checked_signatures(signatures, op, "signatures", num_samples);
  check_first(op, "first_sample", first_sample, num_samples, "samples");
  Tensor counts = new_tensor({rows.size(0)}, Dtype::Long);
  Tensor fingerprints = new_tensor({rows.size(0)}, Dtype::Long);
  signature_statistics(rows.const_data_ptr<std::uint8_t>(), rows.size(0), rows.size(1), num_samples, first_sample,
                       counts.mutable_data_ptr<std::int64_t>(),
                       static_cast<std::uint64_t*>(fingerprints.mutable_data_ptr()), torch_parallel_for());
  return {counts, fingerprints};
}

const OperatorRegistration registration(
    "signature_statistics(Tensor signatures, SymInt num_samples, SymInt first_sample=0) -> "
    "(Tensor counts, Tensor fingerprints)",
    TORCH_BOX(&signature_statistics_op));

}  // namespace

}  // namespace funcsim

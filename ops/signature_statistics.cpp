#include "kernels/signature_statistics/signature_statistics.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "checks.h"

namespace funcsim {

namespace {

std::tuple<Tensor, Tensor> signature_statistics_op(const Tensor& signatures, std::int64_t num_samples,
                                                   std::int64_t first_sample) {
  constexpr const char* op = "signature_statistics";
  check(first_sample >= 0 && first_sample % 64 == 0, op, ": first_sample must be a multiple of 64 and at least 0, got ",
        first_sample);
  const Tensor rows = checked_signatures(signatures, op, "signatures", num_samples);
  Tensor counts = new_tensor({rows.size(0)}, Dtype::Long);
  Tensor fingerprints = new_tensor({rows.size(0)}, Dtype::Long);
  signature_statistics(rows.const_data_ptr<std::uint8_t>(), rows.size(0), rows.size(1), num_samples, first_sample,
                       counts.mutable_data_ptr<std::int64_t>(),
                       static_cast<std::uint64_t*>(fingerprints.mutable_data_ptr()), torch_parallel_for());
  return {counts, fingerprints};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(funcsim, library) {
  library.def(
      "signature_statistics(Tensor signatures, SymInt num_samples, SymInt first_sample=0) -> "
      "(Tensor counts, Tensor fingerprints)");
}

STABLE_TORCH_LIBRARY_IMPL(funcsim, CompositeExplicitAutograd, library) {
  library.impl("signature_statistics", TORCH_BOX(&signature_statistics_op));
}

}  // namespace funcsim

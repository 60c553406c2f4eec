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
  Tensor counts = new_tensor_like(rows, {rows.size(0)}, Dtype::Long);
  Tensor fingerprints = new_tensor_like(rows, {rows.size(0)}, Dtype::Long);
  const auto* bits = rows.const_data_ptr<std::uint8_t>();
  auto* count = counts.mutable_data_ptr<std::int64_t>();
  auto* fingerprint = static_cast<std::uint64_t*>(fingerprints.mutable_data_ptr());
  if (rows.is_cpu()) {
    signature_statistics(bits, rows.size(0), rows.size(1), num_samples, first_sample, count, fingerprint,
                         torch_parallel_for());
  } else {
    const DeviceCall call(rows);
    call.kernels().signature_statistics(bits, rows.size(0), rows.size(1), num_samples, first_sample, count, fingerprint,
                                        call.queue());
  }
  return {counts, fingerprints};
}

const OperatorRegistration registration(
    "signature_statistics(Tensor signatures, SymInt num_samples, SymInt first_sample=0) -> "
    "(Tensor counts, Tensor fingerprints)",
    TORCH_BOX(&signature_statistics_op));

}  // namespace

}  // namespace funcsim

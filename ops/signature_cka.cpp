#include "kernels/signature_cka/signature_cka.h"

#include <utility>

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor signature_cka_op(const Tensor& signatures_a, const Tensor& signatures_b, std::int64_t num_samples,
                        bool debiased) {
  constexpr const char* op = "signature_cka";
  check_same_device(op, "signatures_a", signatures_a, "signatures_b", signatures_b);
  const Tensor a = checked_signatures(host_copy(signatures_a, op, "signatures_a"), op, "signatures_a", num_samples);
  const Tensor b = checked_signatures(host_copy(signatures_b, op, "signatures_b"), op, "signatures_b", num_samples);
  for (const auto& [name, rows] : {std::pair("signatures_a", a), std::pair("signatures_b", b)}) {
    check(rows.size(0) >= 1, op, ": ", name, " must have at least one unit, got none");
  }
  check(num_samples >= (debiased ? 4 : 1), op, ": ",
        debiased ? "the debiased estimate takes at least 4" : "takes at least one", " samples, got ", num_samples);
  const double cka =
      signature_cka(a.const_data_ptr<std::uint8_t>(), a.size(0), b.const_data_ptr<std::uint8_t>(), b.size(0), a.size(1),
                    num_samples, debiased ? HsicEstimator::unbiased : HsicEstimator::biased, torch_parallel_for());
  return scalar_tensor(signatures_a, cka);
}

const OperatorRegistration registration(
    "signature_cka(Tensor signatures_a, Tensor signatures_b, SymInt num_samples, bool debiased=False) -> Tensor",
    TORCH_BOX(&signature_cka_op));

}  // namespace

}  // namespace funcsim

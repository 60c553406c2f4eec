#include "align/align_parameters.h"

#include <string>
#include <tuple>
#include <vector>

#include "checks.h"
#include "matches.h"
#include "registration.h"

namespace funcsim {

namespace {

std::tuple<std::vector<Tensor>, std::vector<Tensor>> align_parameters_op(
    const std::string& architecture_a, const std::vector<Tensor>& parameters_a, const std::string& architecture_b,
    const std::vector<Tensor>& parameters_b, const std::vector<Tensor>& matches, const Tensor& inputs, bool rescale) {
  constexpr const char* op = "align_parameters";
  const Network a(architecture_a, parameters_a, std::string(op) + ": " + reference_role);
  const Network b(architecture_b, parameters_b, std::string(op) + ": " + model_role);
  if (!inputs.is_cpu()) {
    check(!DeviceCall(inputs).is_capturing(), op,
          ": it can't be recorded into a CUDA graph, since orders are made on the host");
  }
  check_same_device(op, "parameters_a", a.on_device(), "parameters_b", b.on_device());
  check_equal_depth(op, a, b);
  const std::vector<UnitMatch> checked = checked_matches(op, matches, a, b);
  AlignedParameters aligned =
      with_role(op, [&] { return align_parameters(a, b, architecture_b, parameters_b, checked, inputs, rescale); });
  return {std::move(aligned.parameters), int64_tensors(inputs, aligned.orders)};
}

const OperatorRegistration registration(
    "align_parameters(str architecture_a, Tensor[] parameters_a, str architecture_b, Tensor[] parameters_b, "
    "Tensor[] matches, Tensor inputs, bool rescale=False) -> (Tensor[] parameters, Tensor[] orders)",
    TORCH_BOX(&align_parameters_op));

}  // namespace

}  // namespace funcsim

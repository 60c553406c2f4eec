#include <string>
#include <vector>

#include "checks.h"
#include "network/canonical_form.h"
#include "registration.h"

namespace funcsim {

namespace {

std::vector<Tensor> canonicalize_op(const std::string& architecture, const std::vector<Tensor>& parameters) {
  const Network network(architecture, parameters, "canonicalize");
  if (!network.on_device().is_cpu()) {
    check(!DeviceCall(network.on_device()).is_capturing(),
          "canonicalize: it can't be recorded into a CUDA graph, since norms are checked on the host");
  }
  return canonical_parameters(network);
}

const OperatorRegistration registration("canonicalize(str architecture, Tensor[] parameters) -> Tensor[]",
                                        TORCH_BOX(&canonicalize_op));

}  // namespace

}  // namespace funcsim

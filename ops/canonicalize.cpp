#include <string>
#include <vector>

#include "checks.h"
#include "network/canonical_form.h"
#include "registration.h"

namespace funcsim {

namespace {

std::vector<Tensor> canonicalize_op(const std::string& architecture, const std::vector<Tensor>& parameters) {
  return canonical_parameters(Network(architecture, parameters, "canonicalize"));
}

const OperatorRegistration registration("canonicalize(str architecture, Tensor[] parameters) -> Tensor[]",
                                        TORCH_BOX(&canonicalize_op));

}  // namespace

}  // namespace funcsim

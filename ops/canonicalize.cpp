#include <torch/csrc/stable/library.h>

#include <string>
#include <vector>

#include "checks.h"
#include "network/canonical_form.h"

namespace funcsim {

namespace {

std::vector<Tensor> canonicalize_op(const std::string& architecture, const std::vector<Tensor>& parameters) {
  return canonical_parameters(Network(architecture, parameters, "canonicalize"));
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(funcsim, library) {
  library.def("canonicalize(str architecture, Tensor[] parameters) -> Tensor[]");
}

STABLE_TORCH_LIBRARY_IMPL(funcsim, CompositeExplicitAutograd, library) {
  library.impl("canonicalize", TORCH_BOX(&canonicalize_op));
}

}  // namespace funcsim

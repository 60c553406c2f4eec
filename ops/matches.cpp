#include "matches.h"

#include <torch/csrc/stable/ops.h>

#include <string>

namespace funcsim {

namespace {

UnitMatch checked_match(const std::string& name, const Tensor& tensor, std::int64_t units_a, std::int64_t units_b) {
  if (tensor.dim() != 1 || dtype_of(tensor) != Dtype::Long || tensor.size(0) != units_a) {
    fail(name, " must be int64 [", units_a, "], a unit of the model or -1 for each unit of the reference's layer, got ",
         describe_tensor(tensor));
  }
  const Tensor host = to_host(torch::stable::contiguous(tensor));
  const auto* data = host.const_data_ptr<std::int64_t>();
  UnitMatch match(data, data + units_a);
  std::vector<bool> taken(static_cast<std::size_t>(units_b));
  for (std::int64_t i = 0; i < units_a; ++i) {
    const std::int64_t j = match[i];
    check(j >= -1 && j < units_b, name, " must hold units of the model, from 0 to ", units_b - 1, ", or -1, got ", j,
          " at ", i);
    check(j < 0 || !taken[j], name, " must hold every unit of the model at most once, got ", j, " a second time at ",
          i);
    if (j >= 0) {
      taken[j] = true;
    }
  }
  return match;
}

}  // namespace

void check_equal_depth(const char* op, const Network& a, const Network& b) {
  check(a.hidden_layers().size() == b.hidden_layers().size(), op,
        ": both networks must have equally many hidden layers, got ", a.hidden_layers().size(), " (the reference) and ",
        b.hidden_layers().size(), " (the model)");
}

std::vector<UnitMatch> checked_matches(const char* op, const std::vector<Tensor>& matches, const Network& a,
                                       const Network& b) {
  const std::size_t layers = a.hidden_layers().size();
  check(matches.size() == layers, op, ": matches must hold a tensor for each of the ", layers, " hidden layers, got ",
        matches.size());
  std::vector<UnitMatch> checked;
  checked.reserve(layers);
  for (std::size_t l = 0; l < layers; ++l) {
    const std::string name = std::string(op) + ": matches[" + std::to_string(l) + "]";
    check_device(matches[l], op, "matches[" + std::to_string(l) + "]");
    check_same_device(op, "parameters_a", a.on_device(), "matches[" + std::to_string(l) + "]", matches[l]);
    checked.push_back(checked_match(name, matches[l], a.hidden_layers()[l].units, b.hidden_layers()[l].units));
  }
  return checked;
}

std::vector<Tensor> int64_tensors(const Tensor& like, const std::vector<std::vector<std::int64_t>>& lists) {
  std::vector<Tensor> tensors;
  tensors.reserve(lists.size());
  for (const std::vector<std::int64_t>& list : lists) {
    tensors.push_back(tensor_of(like, {static_cast<std::int64_t>(list.size())}, Dtype::Long, list));
  }
  return tensors;
}

}  // namespace funcsim

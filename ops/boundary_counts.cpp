#include "network/boundary_counts.h"

#include <torch/csrc/stable/ops.h>

#include <cmath>
#include <string>
#include <vector>

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

constexpr const char* op = "boundary_counts";

/// The rows of float64 [layers, distances].
std::vector<std::vector<double>> checked_distances(const Tensor& distances, std::int64_t num_layers) {
  if (distances.dim() != 2 || dtype_of(distances) != Dtype::Double || distances.size(0) != num_layers) {
    fail(op, ": distances must be float64 [", num_layers, ", distances], a row for each hidden layer, got ",
         describe_tensor(distances));
  }
  const Tensor host = torch::stable::contiguous(host_copy(distances, op, "distances"));
  const auto* values = host.const_data_ptr<double>();
  const std::int64_t columns = host.size(1);
  std::vector<std::vector<double>> rows;
  rows.reserve(static_cast<std::size_t>(num_layers));
  for (std::int64_t l = 0; l < num_layers; ++l) {
    rows.emplace_back(values + (l * columns), values + ((l + 1) * columns));
    for (const double distance : rows.back()) {
      check(std::isfinite(distance) && distance >= 0, op, ": distances must be finite and at least 0, got ", distance,
            " for hidden layer ", l);
    }
  }
  return rows;
}

std::vector<Tensor> boundary_counts_op(const std::string& architecture, const std::vector<Tensor>& parameters,
                                       const Tensor& inputs, const Tensor& distances, double margin,
                                       std::int64_t positions, std::int64_t seed, std::int64_t first_input) {
  const Network network(architecture, parameters, op);
  const NetworkRun run(network, inputs, {margin, positions, seed, first_input});
  check_same_device(op, "inputs", inputs, "distances", distances);
  const std::vector<std::vector<double>> rows =
      checked_distances(distances, static_cast<std::int64_t>(run.extents().size()));
  Execution execution(torch_parallel_for(), inputs);
  return boundary_counts(run, rows, execution);
}

const OperatorRegistration registration(
    "boundary_counts(str architecture, Tensor[] parameters, Tensor inputs, Tensor distances, float margin=0.0, "
    "int positions=16, int seed=0, SymInt first_input=0) -> Tensor[]",
    TORCH_BOX(&boundary_counts_op));

}  // namespace

}  // namespace funcsim

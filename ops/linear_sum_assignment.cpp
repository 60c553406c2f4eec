#include "kernels/linear_sum_assignment/linear_sum_assignment.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

/// The dtype the solver works in, which holds every value of `dtype` exactly.
Dtype solver_dtype(const char* op, const Tensor& cost) {
  switch (dtype_of(cost)) {
    case Dtype::Float:
    case Dtype::Half:
    case Dtype::BFloat16:
      return Dtype::Float;
    case Dtype::Double:
      return Dtype::Double;
    case Dtype::Byte:
    case Dtype::Char:
    case Dtype::Short:
    case Dtype::Int:
    case Dtype::Long:
    case Dtype::Bool:
      return Dtype::Long;
    default:
      fail(op, ": cost must be floating, bool, uint8, int8, int16, int32 or int64, got ", describe_tensor(cost));
  }
}

template <typename Cost>
Assignment solve_as(const Tensor& cost, bool maximize, bool with_duals) {
  return linear_sum_assignment(
      CostMatrix<Cost>{cost.const_data_ptr<Cost>(), cost.size(0), cost.size(1), cost.stride(0), cost.stride(1)},
      maximize, torch_parallel_for(), with_duals);
}

Assignment solve(const Tensor& cost, Dtype dtype, bool maximize, bool with_duals) {
  switch (dtype) {
    case Dtype::Float:
      return solve_as<float>(cost, maximize, with_duals);
    case Dtype::Double:
      return solve_as<double>(cost, maximize, with_duals);
    default:
      return solve_as<std::int64_t>(cost, maximize, with_duals);
  }
}

void check_status(const char* op, const Assignment& assignment, bool maximize) {
  switch (assignment.status) {
    case AssignmentStatus::optimal:
      return;
    case AssignmentStatus::nan:
      fail(op, ": cost must not contain NaN, got one at [", assignment.bad_row, ", ", assignment.bad_column, "]");
    case AssignmentStatus::invalid_infinity:
      fail(op, ": cost must not contain ", maximize ? "inf when maximizing" : "-inf when minimizing",
           " (the sum would be infinite whatever is chosen), got one at [", assignment.bad_row, ", ",
           assignment.bad_column, "]");
    case AssignmentStatus::infeasible:
      fail(op, ": cost is infeasible: its infinite entries forbid so many pairs that no complete assignment is left");
  }
}

/// Costs of a device by way of pinned memory: the solver is one for the CPU (docs/performance.md says why).
Tensor on_host(const char* op, const Tensor& matrix) {
  if (matrix.is_cpu()) {
    return matrix;
  }
  DeviceCall call(matrix);
  check(!call.is_capturing(), op, ": it can't be recorded into a CUDA graph, since the CPU solves it");
  HostCopy copy(call.kernels(), call.queue(), torch::stable::contiguous(matrix));
  Tensor host = copy.wait();
  call.finish();
  return host;
}

/// The assignment of a checked matrix.
Assignment checked_assignment(const char* op, const Tensor& cost, bool maximize, bool with_duals) {
  check(cost.dim() == 2, op, ": cost must be a matrix [rows, columns], got ", describe_tensor(cost));
  check_device(cost, op, "cost");
  const Dtype dtype = solver_dtype(op, cost);
  const Tensor matrix = dtype_of(cost) == dtype ? cost : torch::stable::to(cost, dtype);
  Assignment assignment = solve(on_host(op, matrix), dtype, maximize, with_duals);
  check_status(op, assignment, maximize);
  return assignment;
}

/// The assigned rows, ascending, and their columns.
std::tuple<Tensor, Tensor> pairs_of(const Assignment& assignment, const Tensor& cost) {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> columns;
  for (std::int64_t i = 0; i < cost.size(0); ++i) {
    if (assignment.column_of_row[i] >= 0) {
      rows.push_back(i);
      columns.push_back(assignment.column_of_row[i]);
    }
  }
  const auto pairs = static_cast<std::int64_t>(rows.size());
  return {tensor_of(cost, {pairs}, Dtype::Long, rows), tensor_of(cost, {pairs}, Dtype::Long, columns)};
}

std::tuple<Tensor, Tensor> linear_sum_assignment_op(const Tensor& cost, bool maximize) {
  return pairs_of(checked_assignment("linear_sum_assignment", cost, maximize, /*with_duals=*/false), cost);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> linear_sum_assignment_with_duals_op(const Tensor& cost, bool maximize) {
  const Assignment assignment =
      checked_assignment("linear_sum_assignment_with_duals", cost, maximize, /*with_duals=*/true);
  const auto [rows, columns] = pairs_of(assignment, cost);
  return {rows, columns, float64_tensor(cost, assignment.row_duals), float64_tensor(cost, assignment.column_duals)};
}

const OperatorRegistration registration("linear_sum_assignment(Tensor cost, bool maximize=False) -> (Tensor, Tensor)",
                                        TORCH_BOX(&linear_sum_assignment_op));
const OperatorRegistration registration_with_duals(
    "linear_sum_assignment_with_duals(Tensor cost, bool maximize=False) -> (Tensor, Tensor, Tensor, Tensor)",
    TORCH_BOX(&linear_sum_assignment_with_duals_op));

}  // namespace

}  // namespace funcsim

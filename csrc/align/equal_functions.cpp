#include "align/equal_functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

constexpr std::int64_t most_inputs = 256;
/// Numbers of the widest activation of all inputs that are run, and of a batch of them.
constexpr std::int64_t most_numbers = std::int64_t{1} << 25;
constexpr std::int64_t batch_numbers = std::int64_t{1} << 22;

std::vector<Tensor> in_float64(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> converted;
  converted.reserve(tensors.size());
  for (const Tensor& tensor : tensors) {
    converted.push_back(aten::to_dtype(aten::detach(tensor), Dtype::Double));
  }
  return converted;
}

std::vector<Tensor> tensors_of(const Network& network) {
  std::vector<Tensor> tensors;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(network.architecture().items.size()); ++i) {
    const std::vector<Tensor>& of_item = network.layer(i).tensors;
    tensors.insert(tensors.end(), of_item.begin(), of_item.end());
  }
  return tensors;
}

Tensor outputs(const Network& network, Tensor activations) {
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(network.architecture().items.size()); ++i) {
    activations = network.forward(i, activations);
  }
  return aten::reshape(activations, {-1});
}

double largest(const Tensor& numbers) {
  return values_of(aten::amax(aten::abs(numbers), {0})).front();
}

}  // namespace

void check_equal_functions(const Network& network, const std::string& description,
                           const std::vector<Tensor>& parameters, const Tensor& inputs, double tolerance) {
  const Network expected(description, in_float64(tensors_of(network)), network.role());
  const Network got(description, in_float64(parameters), network.role());
  const std::int64_t elements = network.plan(inputs, any_position).most_elements;
  const std::int64_t count =
      std::min({inputs.size(0), most_inputs, std::max<std::int64_t>(most_numbers / elements, 1)});
  const std::int64_t batch = std::max<std::int64_t>(batch_numbers / elements, 1);
  double largest_output = 0.0;
  double largest_difference = 0.0;
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    const Tensor x = aten::contiguous(
        aten::to_dtype(aten::narrow(aten::detach(inputs), 0, begin, std::min(batch, count - begin)), Dtype::Double));
    const Tensor y = outputs(expected, x);
    const double output = largest(y);
    const double difference = largest(aten::subtract(y, outputs(got, x)));
    check(std::isfinite(output), network.role(), ": its outputs must be finite, so that the aligned network can be ",
          "checked against it, got ", output, " among those of inputs ", begin, " to ",
          std::min(begin + batch, count) - 1);
    largest_output = std::max(largest_output, output);
    // Not std::max, which could lose a NaN.
    largest_difference = difference <= largest_difference ? largest_difference : difference;
  }
  const double relative = largest_difference / (largest_output > 0 ? largest_output : 1.0);
  check(relative <= tolerance, network.role(), ": the aligned parameters do not compute the same function: on ", count,
        " inputs outputs differ by up to ", relative, " of the largest output, expected at most ", tolerance,
        ". Where units are rescaled, ", "a wider dtype than the parameters' rounds less");
}

}  // namespace funcsim

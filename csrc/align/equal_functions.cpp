#include "align/equal_functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "kernels/common/error.h"
#include "kernels/common/hash.h"
#include "network/aten.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// A small part of a parameter, for which outputs still change in proportion, and more than float64 rounds.
constexpr double disturbance = 0x1p-26;
/// So many changes are tried where there are few outputs, since one could leave them where they are, by chance.
constexpr std::uint64_t disturbances = 3;
constexpr std::int64_t many_outputs = 256;
/// Roundings of all parameters change outputs by less than one such change does, in proportion. This is for chance.
constexpr double roundings = 8.0;

constexpr std::int64_t most_inputs = 256;
/// Numbers of the widest activation of all inputs that are run, and of a batch of them.
constexpr std::int64_t most_numbers = std::int64_t{1} << 25;
constexpr std::int64_t batch_numbers = std::int64_t{1} << 22;

std::vector<Tensor> tensors_of(const Network& network) {
  std::vector<Tensor> tensors;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(network.architecture().items.size()); ++i) {
    const std::vector<Tensor>& of_item = network.layer(i).tensors;
    tensors.insert(tensors.end(), of_item.begin(), of_item.end());
  }
  return tensors;
}

/// Every number changed by a small part of itself, up or down, as a hash says.
std::vector<Tensor> disturbed(const std::vector<Tensor>& parameters, std::uint64_t first_hash) {
  std::vector<Tensor> changed;
  changed.reserve(parameters.size());
  for (const Tensor& parameter : parameters) {
    std::vector<double> factors(static_cast<std::size_t>(parameter.numel()));
    for (double& factor : factors) {
      factor = (mix64(first_hash) & 1) != 0 ? 1.0 + disturbance : 1.0 - disturbance;
      ++first_hash;
    }
    const auto sizes = parameter.sizes();
    const aten::Sizes shape(sizes.begin(), sizes.end());
    changed.push_back(aten::mul(parameter, aten::reshape(float64_vector(factors, parameter), shape)));
  }
  return changed;
}

/// Terms of the two sums, of numbers and of their squares, over which a normalisation goes in an input of this shape.
std::int64_t normalized_terms(const Item& item, const Shape& input) {
  if (item.type->role != LayerRole::mixing_norm) {
    return 0;
  }
  const bool in_groups = item.type->name == "GroupNorm";
  return 2 * (in_groups ? element_count(input) / item.integer("num_groups")
                        : element_count(item.integers("normalized_shape")));
}

/// Of the sums that make one number of a layer's output: as many as a row of its weight has numbers, or a normalisation
/// adds up.
double most_terms(const Network& network, const Tensor& inputs) {
  const auto sizes = inputs.sizes();
  Shape shape(sizes.begin() + 1, sizes.end());
  std::int64_t most = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(network.architecture().items.size()); ++i) {
    const Item& item = network.architecture().items[static_cast<std::size_t>(i)];
    most = std::max(most, normalized_terms(item, shape));
    shape = item_output_shape(item, shape);
    for (const Tensor& parameter : network.layer(i).tensors) {
      most = std::max(most, parameter.numel() / std::max<std::int64_t>(parameter.size(0), 1));
    }
  }
  return static_cast<double>(most);
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
                           const std::vector<Tensor>& parameters, const Tensor& inputs, double rounding) {
  const std::vector<Tensor> tensors = in_float64(tensors_of(network));
  const Network expected(description, tensors, network.role());
  const Network got(description, in_float64(parameters), network.role());
  std::vector<Network> changed;
  const auto disturb = [&](std::int64_t numbers) {
    const std::uint64_t count = numbers < many_outputs ? disturbances : 1;
    changed.reserve(count);
    for (std::uint64_t d = 0; d < count; ++d) {
      changed.emplace_back(description, disturbed(tensors, d << 32), network.role());
    }
  };
  const std::int64_t elements = network.plan(inputs, any_position).most_elements;
  const std::int64_t count =
      std::min({inputs.size(0), most_inputs, std::max<std::int64_t>(most_numbers / elements, 1)});
  const std::int64_t batch = std::max<std::int64_t>(batch_numbers / elements, 1);
  double largest_output = 0.0;
  double largest_difference = 0.0;
  double largest_change = 0.0;
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    const Tensor x = aten::contiguous(
        aten::to_dtype(aten::narrow(aten::detach(inputs), 0, begin, std::min(batch, count - begin)), Dtype::Double));
    const Tensor y = outputs(expected, x);
    if (changed.empty()) {
      disturb(y.numel());
    }
    const double output = largest(y);
    const double difference = largest(aten::subtract(y, outputs(got, x)));
    check(std::isfinite(output), network.role(), ": its outputs must be finite, so that the aligned network can be ",
          "checked against it, got ", output, " among those of inputs ", begin, " to ",
          std::min(begin + batch, count) - 1);
    largest_output = std::max(largest_output, output);
    // Not std::max, which could lose a NaN.
    largest_difference = difference <= largest_difference ? largest_difference : difference;
    for (const Network& other : changed) {
      const double change = largest(aten::subtract(y, outputs(other, x)));
      largest_change = std::isfinite(change) ? std::max(largest_change, change) : largest_change;
    }
  }
  // A sum of n terms in another order differs by n roundings at most.
  const double relative = (epsilon(Dtype::Double) * (roundings + most_terms(network, inputs))) + (roundings * rounding);
  const double allowed = relative * (largest_output + (largest_change / disturbance));
  check(largest_difference <= allowed, network.role(), ": the aligned parameters do not compute the same function: on ",
        count, " inputs outputs, of which the largest is ", largest_output, ", differ by up to ", largest_difference,
        ", expected at most ", allowed, ", which is what rounding can do. Where units are rescaled, ",
        "a wider dtype than the parameters' rounds less");
}

}  // namespace funcsim

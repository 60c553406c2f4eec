#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "canonicalize.h"
#include "describe.h"
#include "detail/evidence.h"
#include "detail/operators.h"
#include "options.h"

namespace funcsim {

/// By what align() matches units.
enum class UnitSimilarity : std::uint8_t {
  jaccard,      ///< when they fire: |A and B| / |A or B| of the sets of samples
  phi,          ///< when they fire: Pearson correlation of the two bit vectors
  correlation,  ///< Pearson correlation of their activations, in full precision; not at any_position
  weights,      ///< canonical weights, layer after layer; inputs are for the check of the function only
};

/// Options of align(), for example {.rescale = true}.
struct AlignOptions {
  /// By what units are matched. Those that signatures can't tell apart are told apart by their canonical weights.
  UnitSimilarity similarity = UnitSimilarity::jaccard;
  /// Whether to go on from that matching by the weights of the layers around, until nothing changes ("Git Re-Basin",
  /// arXiv:2209.04836).
  bool coordinate_descent = false;
  /// Whether units also take the norms of their counterparts, where scales can be moved.
  bool rescale = false;
  /// Of the points that `positions` takes: any value.
  std::int64_t seed = 0;
  /// A unit fires where its canonical pre-activation is above this; finite, at least 0.
  double margin = 0.0;
  /// As CompareOptions::positions.
  std::int64_t positions = 16;
};

namespace detail {

// As operators call them too.
inline const std::string reference_role = "the reference";
inline const std::string model_role = "the model";

/// action(), with the network's role before the message of an Error.
template <typename Action>
auto with_role(const std::string& role, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    throw Error(role + ": " + error.what());
  }
}

/// A network as operators take it.
struct DescribedNetwork {
  /// @throws Error as describe(), which names the network
  DescribedNetwork(const std::string& role, const torch::nn::Sequential& network) {
    with_role(role, [&] {
      const std::vector<Item> items = read_items(network);
      architecture = architecture_text(items);
      parameters = all_parameters(items);
    });
  }

  std::string architecture;
  std::vector<torch::Tensor> parameters;
};

inline std::vector<torch::Tensor> activation_correlations(const DescribedNetwork& a, const DescribedNetwork& b,
                                                          const torch::Tensor& inputs, const AlignOptions& options) {
  const auto all = call_operator<std::vector<at::Tensor>(
      std::string_view, at::TensorList, std::string_view, at::TensorList, const at::Tensor&, at::TensorList,
      std::int64_t, std::int64_t, c10::SymInt)>("activation_correlations", a.architecture, a.parameters, b.architecture,
                                                b.parameters, inputs, std::vector<torch::Tensor>(), options.positions,
                                                options.seed, 0);
  constexpr std::size_t tensors_a_layer = 3;  // the first are the correlations
  std::vector<torch::Tensor> similarities;
  for (std::size_t i = 0; i < all.size(); i += tensors_a_layer) {
    similarities.push_back(all[i].to(torch::kFloat32));
  }
  return similarities;
}

/// The similarities of all units by their signatures, hidden layer by hidden layer.
inline std::vector<torch::Tensor> signature_similarities(const torch::nn::Sequential& reference,
                                                         const torch::nn::Sequential& model,
                                                         const torch::Tensor& inputs, const AlignOptions& options) {
  std::vector<torch::Tensor> similarities;
  const CompareOptions signatures{
      .method = Method::exact, .seed = options.seed, .margin = options.margin, .positions = options.positions};
  const Evidence a = NetworkReader(reference_role, reference, inputs, signatures).collect(Method::exact, false);
  const Evidence b = NetworkReader(model_role, model, inputs, signatures).collect(Method::exact, false);
  if (a.layers.size() != b.layers.size()) {
    throw Error("align: networks must have equally many hidden layers, got " + std::to_string(a.layers.size()) + " (" +
                reference_role + ") and " + std::to_string(b.layers.size()) + " (" + model_role + ")");
  }
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    if (a.num_samples[l] != b.num_samples[l]) {
      throw Error("align: hidden layers " + a.names[l] + " (" + reference_role + ") and " + b.names[l] + " (" +
                  model_role + ") have different numbers of samples, " + std::to_string(a.num_samples[l]) + " and " +
                  std::to_string(b.num_samples[l]) + "; any_position gives both one an input");
    }
    similarities.push_back(
        options.similarity == UnitSimilarity::phi
            ? call_operator<at::Tensor(const at::Tensor&, const at::Tensor&, c10::SymInt)>(
                  "phi", a.layers[l], b.layers[l], a.num_samples[l])
            : call_operator<at::Tensor(const at::Tensor&, const at::Tensor&)>("jaccard", a.layers[l], b.layers[l]));
  }
  return similarities;
}

}  // namespace detail

/// A network that computes the same function as `model`, with its hidden units where those of `reference` are that they
/// are most similar to, which is checked on the first 256 inputs, in float64, before it is returned. Both networks stay
/// as they are. docs/alignment.md says what is matched how; the result equals that of the Python package.
///
/// Layers may have different widths. Where the model has at least as many units as the reference, units that have a
/// counterpart are in its place, and those without fill the other places in their own order; where it has fewer, its
/// units are in the order of their counterparts, and those without one come last.
///
/// @param reference a network that describe() can read, with hidden layers
/// @param model     another one with as many hidden layers, on the same device
/// @param inputs    [inputs, features...], at least one, of the networks' dtype as for compare()
/// @param options   their defaults are those of the Python package
/// @return a deep copy of the model with other parameters; names, modes, dtypes and requires_grad are the model's
/// @throws Error as compare() for networks, inputs and options; for networks with different numbers of hidden layers or
///         with groups that don't correspond, and where a unit loses its identity: the message names the place; and if
///         the functions differ
inline torch::nn::Sequential align(const torch::nn::Sequential& reference, const torch::nn::Sequential& model,
                                   const torch::Tensor& inputs, const AlignOptions& options = {}) {
  const torch::NoGradGuard no_grad;
  detail::check_inputs(inputs);
  if (options.similarity > UnitSimilarity::weights) {
    throw Error("align: similarity must be UnitSimilarity::jaccard, phi, correlation or weights, got the value " +
                std::to_string(static_cast<int>(options.similarity)));
  }
  const detail::DescribedNetwork a(detail::reference_role, reference);
  const detail::DescribedNetwork b(detail::model_role, model);
  const torch::Tensor there =
      inputs.is_cpu() && !b.parameters.empty() ? inputs.to(b.parameters.front().device()) : inputs;
  std::vector<torch::Tensor> similarities;  // none: by weights
  if (options.similarity == UnitSimilarity::correlation) {
    similarities = detail::activation_correlations(a, b, there, options);
  } else if (options.similarity != UnitSimilarity::weights) {
    similarities = detail::signature_similarities(reference, model, inputs, options);
  }
  const auto matches = detail::call_operator<std::vector<at::Tensor>(
      std::string_view, at::TensorList, std::string_view, at::TensorList, at::TensorList, bool, std::int64_t)>(
      "match_units", a.architecture, a.parameters, b.architecture, b.parameters, similarities,
      options.coordinate_descent, inputs.dim());
  const auto aligned = detail::call_operator<std::tuple<std::vector<at::Tensor>, std::vector<at::Tensor>>(
      std::string_view, at::TensorList, std::string_view, at::TensorList, at::TensorList, const at::Tensor&, bool)>(
      "align_parameters", a.architecture, a.parameters, b.architecture, b.parameters, matches, there, options.rescale);
  return detail::clone_with(model, std::get<0>(aligned));
}

}  // namespace funcsim

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "network/network.h"

namespace funcsim {

/// The canonical parameters of a network: same architecture, same order, shapes and dtype as given, new tensors.
/// Definition and reasons: docs/mathematics.md. Computed in float64.
///
/// Parameters don't tell whether a Linear is given rows [N, features] or tokens [N, T, features]. Where that matters
/// and the layers around don't show it, rows are meant.
///
/// @throws Error where weights have no finite norm, and where a unit loses its identity on the way to the next affine
///         layer: names the item
std::vector<torch::stable::Tensor> canonical_parameters(const Network& network);

/// A hidden layer on its way to canonical form.
struct CanonicalLayer {
  std::vector<double> norms;   ///< [units] of the weights into each unit, after the layer before took its part
  std::vector<double> scales;  ///< [units] what they were divided by: the norms, or 1 where canonical form is
  std::optional<std::int64_t>
      receiver;  ///< the item that was multiplied instead; nullopt: nobody, and nothing was scaled
};

/// A network in canonical form.
struct CanonicalForm {
  std::vector<std::vector<torch::stable::Tensor>> tensors;  ///< float64, of every item
  std::vector<CanonicalLayer> layers;                       ///< of every hidden layer
};

/// The canonical form before it is rounded to the network's dtype, and how it came about.
///
/// @param input_dimensions of the network's inputs, batch included; nullopt: as for canonical_parameters
/// @throws Error as canonical_parameters
CanonicalForm canonical_form(const Network& network, std::optional<std::int64_t> input_dimensions);

/// What the canonical form divides pre-activations by, for every unit of every hidden layer.
///
/// @param input_dimensions of the network's inputs, batch included
/// @throws Error as canonical_parameters
std::vector<std::vector<double>> canonical_scales(const Network& network, std::int64_t input_dimensions);

}  // namespace funcsim

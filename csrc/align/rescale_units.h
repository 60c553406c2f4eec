#pragma once

#include <vector>

#include "align/permute_units.h"
#include "network/canonical_form.h"

namespace funcsim {

/// A network as rescaling looks at it.
struct RescaledNetwork {
  const Network& network;
  const std::vector<UnitPlaces>& places;
  CanonicalForm form;
};

/// Scales b's hidden units so that each has the norm of its counterpart in a, and compensates what reads them: the
/// function stays the same. Norms are the s_i of docs/mathematics.md, so that b becomes its own canonical form scaled
/// back by a's scales. Where canonical form doesn't scale a layer of either network, where a norm is 0 and where a unit
/// has no counterpart, it stays as it is.
///
/// Where a BatchNorm directly follows the affine layer, the norm and sign of the weights before it are brought to a's
/// as well, by its running statistics and the sign of its weight. A BatchNorm that takes up the scale of a layer
/// further before it gets the running variances of a's.
///
/// @param tensors of b, float64, in their new order; changed
/// @param orders  of b's hidden layers
void rescale_units(const RescaledNetwork& a, const RescaledNetwork& b, const std::vector<UnitMatch>& matches,
                   const std::vector<UnitOrder>& orders, ItemTensors& tensors);

}  // namespace funcsim

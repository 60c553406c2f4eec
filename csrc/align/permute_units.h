#pragma once

#include <torch/csrc/stable/tensor.h>

#include <vector>

#include "align/unit_orders.h"
#include "network/network.h"
#include "network/unit_places.h"

namespace funcsim {

/// A network's tensors, item by item.
using ItemTensors = std::vector<std::vector<torch::stable::Tensor>>;

/// Parameters in the order of the architecture, item by item.
ItemTensors by_item(const Network& network, const std::vector<torch::stable::Tensor>& parameters);

/// New tensors, the hidden units of the network in other orders, in which it computes the same function.
///
/// @param places  of the network
/// @param orders  of all hidden layers, as the network's blocks allow them
/// @param tensors of any dtype, also others of these shapes: those of the network's canonical form
ItemTensors permuted_tensors(const Network& network, const std::vector<UnitPlaces>& places,
                             const std::vector<UnitOrder>& orders, const ItemTensors& tensors);

}  // namespace funcsim

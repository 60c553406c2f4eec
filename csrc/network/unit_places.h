#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "network/network.h"
#include "network/unit_axes.h"

namespace funcsim {

/// An item whose tensors are vectors with numbers for units: a BatchNorm, a PReLU of several slopes, another norm.
struct UnitVectors {
  std::int64_t item = 0;
  std::vector<std::int64_t> owners;  ///< the unit that each number belongs to, all its tensors flattened
};

/// An item that allows only some orders of the units, and which.
struct UnitGroups {
  std::int64_t item = 0;
  UnitPartition partition;
};

/// Where the units of a hidden layer have numbers of their own, beside the rows of the weight and bias that make them.
struct UnitPlaces {
  std::vector<UnitVectors> vectors;
  std::vector<std::int64_t> columns;  ///< owners of the columns or input channels of the next affine layer
  std::vector<UnitGroups> groups;     ///< the GroupNorms on the way and the next affine layer, if it is grouped
};

/// The places of all hidden layers.
///
/// @param input_dimensions of the network's inputs, batch included; nullopt where they aren't known: then rows are
///                         meant where the architecture doesn't tell rows from tokens
/// @throws Error that names the network and the item where a unit loses its identity on the way to the next affine
///         layer, so that changing the order of units would change the function
std::vector<UnitPlaces> find_unit_places(const Network& network, std::optional<std::int64_t> input_dimensions);

/// The places of numbers in their new order: number i comes from the old place result[i]. The k-th number of the new
/// unit u is the k-th of the old unit order[u].
std::vector<std::int64_t> sources_of(const std::vector<std::int64_t>& owners, const std::vector<std::int64_t>& order);

/// For each unit its places in ascending order. All have equally many.
std::vector<std::vector<std::int64_t>> places_of_units(const std::vector<std::int64_t>& owners, std::int64_t units);

}  // namespace funcsim

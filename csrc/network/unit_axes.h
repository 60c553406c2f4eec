#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "network/architecture.h"

namespace funcsim {

/// Number of dimensions, batch included, that the input of every item has, as far as the items say so.
///
/// Parameters and architecture alone leave it open what a Linear is given: rows [N, features] or tokens [N, T,
/// features].
///
/// @param input_dimensions of the network's input, or nullopt where only the architecture is known
std::vector<std::optional<std::int64_t>> input_dimensions(const Architecture& architecture,
                                                          std::optional<std::int64_t> network_input_dimensions);

/// Units of a layer that must stay together.
struct UnitPartition {
  std::int64_t blocks = 1;  ///< of equally many consecutive units each; units may change places within their block
  bool can_move = true;     ///< whether blocks may change places as wholes, a convolution's groups of outputs with them
};

/// Follows the units of an affine layer through the layers behind it: which entries of an activation belong to which
/// unit. Works without knowing sizes of images or sequences: an axis is a product of factors, one of which counts units
/// and of which others may be unknown until a layer with a known number of features shows them.
class UnitAxes {
 public:
  /// Where an affine layer puts its units: on axis 1 for a convolution, on the last axis for a Linear.
  ///
  /// @param dimensions of its output, batch included, or nullopt where they are not known
  UnitAxes(const Item& affine, std::int64_t units, std::optional<std::int64_t> dimensions);

  /// Goes through an item that isn't affine. What it does commutes with any order of the units, or with those that
  /// partition() allows.
  /// @throws Error (without the item's name) where units can't be told apart behind it, or where that can't be known
  void pass(const Item& item);

  /// The unit that every column of a Linear, input channel of a convolution, or number of a vector of a normalisation
  /// or a PReLU belongs to. Empty for vectors that hold no numbers for units: of one slope, or of a normalisation of
  /// positions.
  /// @throws Error (without the item's name) where entries of several units meet in one
  std::vector<std::int64_t> owners(const Item& receiver) const;

  /// What the groups of a convolution or a GroupNorm make of the units; one block for all other items.
  /// @throws Error (without the item's name) where a group ends within a unit
  UnitPartition partition(const Item& item) const;

 private:
  /// One axis of an activation, as the product of outer, units and inner where it counts units. 0: not known.
  struct Axis {
    bool has_units = false;
    std::int64_t outer = 1;
    std::int64_t inner = 1;  ///< the whole size of an axis without units
  };

  std::vector<std::int64_t> owners_of_channels(std::int64_t channels) const;
  /// Of numbers for all entries of the last axes, which are of these sizes.
  std::vector<std::int64_t> owners_of_last_axes(const std::vector<std::int64_t>& sizes) const;
  bool channels_are_units(std::int64_t channels) const;
  std::vector<std::int64_t> owners_of_axis(const Axis& axis, std::int64_t size) const;
  Axis solved(const Axis& axis, std::int64_t size) const;
  void pass_channelwise(std::int64_t spatial_dimensions);
  void pass_flatten(std::int64_t start, std::int64_t end);
  Axis joined(std::int64_t first, std::int64_t last) const;
  void pass_unflatten(std::int64_t dim, const std::vector<std::int64_t>& sizes);
  std::vector<Axis> split(const Axis& axis, std::vector<std::int64_t> sizes) const;

  std::int64_t units_;
  bool open_front_ = false;  ///< there may be any number of axes before axes_[0]: what a Linear of unknown rank gives
  std::vector<Axis> axes_;   ///< without the batch
};

}  // namespace funcsim

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

/// Follows the units of an affine layer through the layers behind it: which entries of an activation belong to which
/// unit. Works without knowing sizes of images or sequences: an axis is a product of factors, one of which counts units
/// and of which others may be unknown until a layer with a known number of features shows them.
class UnitAxes {
 public:
  /// Where an affine layer puts its units: on axis 1 for a convolution, on the last axis for a Linear.
  ///
  /// @param dimensions of its output, batch included, or nullopt where they are not known
  UnitAxes(const Item& affine, std::int64_t units, std::optional<std::int64_t> dimensions);

  /// Goes through an item that is neither affine nor a BatchNorm.
  /// @throws Error (without the item's name) where units get mixed, or where it can't be known whether they do
  void pass(const Item& item);

  /// The unit that every column of a Linear, input channel of a convolution, or feature of a BatchNorm belongs to.
  /// @throws Error (without the item's name) where entries of several units meet in one
  std::vector<std::int64_t> owners(const Item& receiver) const;

 private:
  /// One axis of an activation, as the product of outer, units and inner where it counts units. 0: not known.
  struct Axis {
    bool has_units = false;
    std::int64_t outer = 1;
    std::int64_t inner = 1;  ///< the whole size of an axis without units
  };

  std::vector<std::int64_t> owners_of_channels(std::int64_t channels) const;
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

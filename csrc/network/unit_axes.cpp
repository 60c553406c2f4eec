#include "network/unit_axes.h"

#include <algorithm>
#include <cstddef>

#include "kernels/common/error.h"
#include "network/layer_type.h"

namespace funcsim {

namespace {

using Dimensions = std::optional<std::int64_t>;

/// Dimensions of its input that an item asks for. Pooling and padding ask for none: they also take inputs that have no
/// channels, and then work across what would be the channels.
Dimensions asked_dimensions(const Item& item) {
  const LayerType& type = *item.type;
  const bool is_convolution = type.role == LayerRole::affine && type.spatial_dimensions > 0;
  const bool is_norm_of_images = type.role == LayerRole::batch_norm && type.spatial_dimensions > 1;
  return is_convolution || is_norm_of_images ? Dimensions(type.spatial_dimensions + 2) : std::nullopt;
}

/// What the output has, given the input.
Dimensions output_dimensions(const Item& item, Dimensions input) {
  if (item.type->role == LayerRole::unflatten) {
    const auto added = static_cast<std::int64_t>(item.integers("unflattened_size").size()) - 1;
    return input.has_value() ? Dimensions(*input + added) : std::nullopt;
  }
  if (item.type->role != LayerRole::flatten) {
    return input;
  }
  std::int64_t start = item.integer("start_dim");
  std::int64_t end = item.integer("end_dim");
  if (start == 1 && end == -1) {
    return 2;
  }
  if (!input.has_value()) {
    return std::nullopt;
  }
  start += start < 0 ? *input : 0;
  end += end < 0 ? *input : 0;
  return *input - std::max<std::int64_t>(end - start, 0);
}

/// What the input has, given the output.
Dimensions dimensions_before(const Item& item, Dimensions output) {
  if (!output.has_value() || item.type->role == LayerRole::flatten) {
    return std::nullopt;
  }
  const bool splits = item.type->role == LayerRole::unflatten;
  return *output - (splits ? static_cast<std::int64_t>(item.integers("unflattened_size").size()) - 1 : 0);
}

bool is_group_norm(const Item& item) {
  return item.type->name == "GroupNorm";
}

/// Product of two sizes, of which 0 means that it isn't known.
std::int64_t times(std::int64_t a, std::int64_t b) {
  return element_count({a, b});
}

[[noreturn]] void fail_mixed() {
  fail("works across the units of the affine layer before it, so that none of them can be followed through it");
}

[[noreturn]] void fail_unknown() {
  fail(
      "joins or splits axes whose sizes the architecture alone doesn't tell, so that the units of the affine layer "
      "before it can't be followed through it");
}

}  // namespace

std::vector<std::optional<std::int64_t>> input_dimensions(const Architecture& architecture,
                                                          std::optional<std::int64_t> network_input_dimensions) {
  const std::vector<Item>& items = architecture.items;
  std::vector<Dimensions> dimensions(items.size() + 1);
  dimensions.front() = network_input_dimensions;
  const auto go_forward = [&] {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (const Dimensions asked = asked_dimensions(items[i]); asked.has_value()) {
        dimensions[i] = asked;
      }
      if (!dimensions[i + 1].has_value()) {
        dimensions[i + 1] = output_dimensions(items[i], dimensions[i]);
      }
    }
  };
  go_forward();
  for (std::size_t i = items.size(); i-- > 0;) {
    if (!dimensions[i].has_value()) {
      dimensions[i] = dimensions_before(items[i], dimensions[i + 1]);
    }
  }
  go_forward();
  dimensions.pop_back();
  return dimensions;
}

UnitAxes::UnitAxes(const Item& affine, std::int64_t units, std::optional<std::int64_t> dimensions) : units_(units) {
  const Axis unit_axis{.has_units = true};
  const Axis unknown{.inner = 0};
  if (affine.type->spatial_dimensions > 0) {
    axes_.push_back(unit_axis);
    axes_.resize(static_cast<std::size_t>(affine.type->spatial_dimensions) + 1, unknown);
  } else {
    open_front_ = !dimensions.has_value();
    axes_.resize(static_cast<std::size_t>(std::max<std::int64_t>(dimensions.value_or(2), 2)) - 2, unknown);
    axes_.push_back(unit_axis);
  }
}

void UnitAxes::pass(const Item& item) {
  switch (item.type->role) {
    case LayerRole::identity:
    case LayerRole::homogeneous:
    case LayerRole::elementwise:
    case LayerRole::mixing:
      break;
    case LayerRole::batch_norm:
    case LayerRole::channel_homogeneous:
      owners(item);
      break;
    case LayerRole::mixing_norm:
      partition(item);
      break;
    case LayerRole::channelwise:
      pass_channelwise(item.type->spatial_dimensions);
      break;
    case LayerRole::flatten:
      pass_flatten(item.integer("start_dim"), item.integer("end_dim"));
      break;
    case LayerRole::unflatten:
      pass_unflatten(item.integer("dim"), item.integers("unflattened_size"));
      break;
    case LayerRole::affine:
      fail_mixed();
  }
}

std::vector<std::int64_t> UnitAxes::owners(const Item& receiver) const {
  switch (receiver.type->role) {
    case LayerRole::batch_norm:
      return owners_of_channels(receiver.integer("num_features"));
    case LayerRole::channel_homogeneous: {
      const std::int64_t slopes = receiver.integer("num_parameters");
      return slopes > 1 ? owners_of_channels(slopes) : std::vector<std::int64_t>();
    }
    case LayerRole::mixing_norm:
      if (is_group_norm(receiver)) {
        const std::int64_t channels = receiver.integer("num_channels");
        return channels_are_units(channels) ? owners_of_channels(channels) : std::vector<std::int64_t>();
      }
      return owners_of_last_axes(receiver.integers("normalized_shape"));
    default:
      break;
  }
  if (receiver.type->spatial_dimensions > 0) {
    return owners_of_channels(receiver.integer("in_channels"));
  }
  check(axes_.back().has_units,
        "reads the last axis, where the affine layer before it has positions and not units: a Flatten is missing");
  return owners_of_axis(axes_.back(), receiver.integer("in_features"));
}

/// A Linear whose input may have any rank has its units on axis 1 if it is given rows; given tokens, axis 1 counts
/// them.
bool UnitAxes::channels_are_units(std::int64_t channels) const {
  return axes_.front().has_units && (!open_front_ || channels == units_);
}

std::vector<std::int64_t> UnitAxes::owners_of_channels(std::int64_t channels) const {
  check(channels_are_units(channels), "has a number for each of ", channels,
        " entries of axis 1, where the affine layer before it doesn't have its ", units_, " units");
  return owners_of_axis(axes_.front(), channels);
}

std::vector<std::int64_t> UnitAxes::owners_of_last_axes(const std::vector<std::int64_t>& sizes) const {
  const auto covered = static_cast<std::int64_t>(sizes.size());
  const auto known = static_cast<std::int64_t>(axes_.size());
  check(open_front_ || covered <= known, "works on the last ", covered, " axes, but is given ", known,
        " beside the batch");
  const auto unit_axis = std::ranges::find(axes_, true, &Axis::has_units);
  const auto from_end = static_cast<std::int64_t>(axes_.end() - unit_axis);
  if (from_end > covered) {
    return {};
  }
  const std::int64_t size = sizes[covered - from_end];
  const std::vector<std::int64_t> along = owners_of_axis(*unit_axis, size);
  const std::int64_t behind = element_count({sizes.end() - from_end + 1, sizes.end()});
  std::vector<std::int64_t> owners(static_cast<std::size_t>(element_count(sizes)));
  for (std::size_t i = 0; i < owners.size(); ++i) {
    owners[i] = along[static_cast<std::int64_t>(i) / behind % size];
  }
  return owners;
}

UnitPartition UnitAxes::partition(const Item& item) const {
  const bool is_norm = is_group_norm(item);
  const bool is_convolution = item.type->role == LayerRole::affine && item.type->spatial_dimensions > 0;
  if (!is_norm && !is_convolution) {
    return {};
  }
  const std::int64_t channels = item.integer(is_norm ? "num_channels" : "in_channels");
  const std::int64_t groups = item.integer(is_norm ? "num_groups" : "groups");
  if (groups == 1 || !channels_are_units(channels)) {
    return {};
  }
  // Channel (o, u, i) is entry i of unit u in the o-th of the outer rows of all units.
  const Axis axis = solved(axes_.front(), channels);
  const std::int64_t group = channels / groups;
  const std::int64_t row = units_ * axis.inner;
  if (group % row == 0) {
    return {.blocks = 1, .can_move = is_norm};
  }
  if (row % group == 0 && group % axis.inner == 0) {
    return {.blocks = row / group, .can_move = is_norm || axis.outer == 1};
  }
  check(axis.inner % group == 0, "has groups of ", group, " channels, which end within a unit: each of the ", units_,
        " units of the affine layer before it has ", axis.inner, " channels here");
  // Every unit has several groups of its own. A convolution makes outputs of each, which don't belong to one block.
  return is_norm ? UnitPartition{} : UnitPartition{.blocks = units_, .can_move = false};
}

std::vector<std::int64_t> UnitAxes::owners_of_axis(const Axis& axis, std::int64_t size) const {
  const std::int64_t inner = solved(axis, size).inner;
  std::vector<std::int64_t> owners(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) {
    owners[i] = (i / inner) % units_;
  }
  return owners;
}

UnitAxes::Axis UnitAxes::solved(const Axis& axis, std::int64_t size) const {
  if (axis.outer == 0 && axis.inner == 0) {
    fail_unknown();
  }
  Axis result = axis;
  const std::int64_t known =
      element_count({units_, std::max<std::int64_t>(axis.outer, 1), std::max<std::int64_t>(axis.inner, 1)});
  const bool complete = axis.outer > 0 && axis.inner > 0;
  check(complete ? known == size : size % known == 0, "takes ", size, " features, which the ", units_,
        " units of the affine layer before it don't fill evenly");
  if (axis.outer == 0) {
    result.outer = size / known;
  } else if (axis.inner == 0) {
    result.inner = size / known;
  }
  return result;
}

void UnitAxes::pass_channelwise(std::int64_t spatial_dimensions) {
  const auto after_channels = static_cast<std::int64_t>(axes_.size()) - 1;
  if (open_front_ || !axes_.front().has_units || spatial_dimensions > after_channels) {
    fail_mixed();
  }
  std::fill(axes_.begin() + 1, axes_.end(), Axis{.inner = 0});
}

void UnitAxes::pass_flatten(std::int64_t start, std::int64_t end) {
  const auto count = static_cast<std::int64_t>(axes_.size());
  std::int64_t first = start < 0 ? count + start : start - 1;
  std::int64_t last = end < 0 ? count + end : end - 1;
  if (open_front_) {
    // Only dimensions counted from the end are known; dimension 1 is the front, whatever its distance.
    if (end >= 0 || (start != 1 && start >= 0 && count > 1)) {
      fail_unknown();
    }
    first = start < 0 ? first : -1;
    if (last < 0) {
      return;
    }
  } else {
    check(first >= 0 && first <= last && last < count, "doesn't fit an input of ", count + 1, " dimensions");
  }
  Axis axis = joined(std::max<std::int64_t>(first, 0), last);
  if (first < 0) {
    (axis.has_units ? axis.outer : axis.inner) = 0;
  }
  axes_.erase(axes_.begin() + std::max<std::int64_t>(first, 0), axes_.begin() + last);
  axes_[std::max<std::int64_t>(first, 0)] = axis;
  open_front_ = open_front_ && start != 1;
}

UnitAxes::Axis UnitAxes::joined(std::int64_t first, std::int64_t last) const {
  Axis result;
  for (std::int64_t i = first; i <= last; ++i) {
    const Axis& axis = axes_[i];
    if (axis.has_units) {
      result = {.has_units = true, .outer = times(result.inner, axis.outer), .inner = axis.inner};
    } else {
      result.inner = times(result.inner, axis.inner);
    }
  }
  return result;
}

void UnitAxes::pass_unflatten(std::int64_t dim, const std::vector<std::int64_t>& sizes) {
  const auto count = static_cast<std::int64_t>(axes_.size());
  if (open_front_ && dim >= 0) {
    fail_unknown();
  }
  const std::int64_t place = dim < 0 ? count + dim : dim - 1;
  if (open_front_ && place < 0) {
    return;
  }
  check(place >= 0 && place < count, "doesn't fit an input of ", count + 1, " dimensions");
  const std::vector<Axis> parts = split(axes_[place], sizes);
  axes_.erase(axes_.begin() + place);
  axes_.insert(axes_.begin() + place, parts.begin(), parts.end());
}

std::vector<UnitAxes::Axis> UnitAxes::split(const Axis& axis, std::vector<std::int64_t> sizes) const {
  const auto open = std::ranges::find(sizes, -1);
  Axis whole = axis;
  if (open == sizes.end()) {
    whole = axis.has_units ? solved(axis, element_count(sizes)) : axis;
  } else {
    *open = 1;
    const std::int64_t others = element_count(sizes);
    const std::int64_t total = axis.has_units ? times(times(axis.outer, units_), axis.inner) : axis.inner;
    *open = total / others;  // 0, not known, if the total isn't
  }
  std::vector<Axis> parts;
  std::int64_t before = 1;
  bool placed = !axis.has_units;
  for (const std::int64_t size : sizes) {
    // The units lie in this part if the parts before it divide what is outside of them, and it takes in all of the
    // rest.
    const std::int64_t through = times(before, size);
    if (!placed && whole.outer > 0 && through > 0 && whole.outer % before == 0 &&
        through % (whole.outer * units_) == 0) {
      parts.push_back({.has_units = true, .outer = whole.outer / before, .inner = through / (whole.outer * units_)});
      placed = true;
    } else {
      parts.push_back({.inner = size});
    }
    before = through;
    if (before == 0 && !placed) {
      fail_unknown();
    }
  }
  check(placed, "splits the ", units_, " units of the affine layer before it over several axes");
  return parts;
}

}  // namespace funcsim

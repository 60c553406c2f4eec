#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "network/layer_type.h"

// What stands between the parentheses of an item.

namespace funcsim {

/// A value as it was written, before its type is known.
struct Literal {
  enum class Kind : std::uint8_t { number, word, list } kind;
  std::string_view text;
  std::vector<std::string_view> elements;  ///< the numbers of a list
};

struct Argument {
  std::string_view keyword;  ///< empty where it is positional
  Literal literal;
};

/// Puts arguments into the order of the type's specification, checks them and fills in defaults.
/// @throws Error naming the argument, what it must be and what came
std::vector<Value> bind_arguments(const LayerType& type, const std::vector<Argument>& arguments);

/// A part of a description as messages show it: cut where it is long, unprintable bytes as \xNN.
std::string shown(std::string_view text);

}  // namespace funcsim

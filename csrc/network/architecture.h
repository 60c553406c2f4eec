#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace funcsim {

struct LayerType;

/// Value of an argument, checked against its type; std::monostate where it is `none`.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                           std::vector<double>>;

/// One module of a network: its type and its hyper-parameters.
struct Item {
  const LayerType* type = nullptr;
  std::string text;              ///< as it was written, cut where it is long; for messages
  std::vector<Value> arguments;  ///< one for each of type->arguments, in that order, defaults filled in

  /// The argument of this name. It exists and is of this kind: the type's specification says so.
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& word(std::string_view name) const;
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  const std::vector<double>& reals(std::string_view name) const;
  /// Whether the argument of this name is not `none`.
  bool has(std::string_view name) const;
  /// Whether the argument of this name is this word.
  bool is_word(std::string_view name, std::string_view word) const;

 private:
  const Value& argument(std::string_view name) const;
};

/// A network without its tensors: modules that run one after the other.
struct Architecture {
  std::vector<Item> items;
};

/// Reads an architecture description (grammar and meaning: docs/architecture.md).
///
/// @throws Error that names the item, counted from 0, what was expected there and what came
Architecture parse_architecture(std::string_view text);

/// "item 2 (Conv2d(1, 8, [3, 3]))", for messages.
std::string item_place(const Architecture& architecture, std::int64_t item);

}  // namespace funcsim

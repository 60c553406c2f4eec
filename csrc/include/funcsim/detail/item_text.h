#pragma once

#include <torch/torch.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../error.h"

namespace funcsim::detail {

/// A float as Python's repr writes it: the shortest digits that read back equal, in positional notation for exponents
/// from -4 to 15 and in scientific notation otherwise. The value is finite.
inline std::string float_text(double value) {
  std::array<char, 32> buffer{};
  const auto written =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::fabs(value), std::chars_format::scientific);
  const std::string scientific(buffer.data(), written.ptr);
  const std::size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  std::string digits = scientific.substr(0, 1);
  if (e > 2) {
    digits += scientific.substr(2, e - 2);
  }
  const std::string sign = std::signbit(value) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    return sign + scientific;
  }
  if (exponent < 0) {
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  }
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

inline std::string value_text(bool value) {
  return value ? "true" : "false";
}
inline std::string value_text(std::int64_t value) {
  return std::to_string(value);
}
inline std::string value_text(double value) {
  return float_text(value);
}
inline std::string value_text(const std::string& word) {
  return word;
}

template <typename Element>
std::string value_text(const std::vector<Element>& list) {
  std::string text = "[";
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += (i == 0 ? "" : ", ") + value_text(list[i]);
  }
  return text + "]";
}

/// A list of options, e.g. a kernel size, as a vector.
template <std::size_t D>
std::vector<std::int64_t> list_of(const torch::ExpandingArray<D>& array) {
  return std::vector<std::int64_t>(array->begin(), array->end());
}

/// An output size; -1 where it keeps the input's.
template <std::size_t D>
std::vector<std::int64_t> list_of(const torch::ExpandingArrayWithOptionalElem<D>& array) {
  std::vector<std::int64_t> list;
  for (const auto& element : *array) {
    list.push_back(element.value_or(-1));
  }
  return list;
}

/// The word of one of torch's enum values: "kReflect" is written reflect.
template <typename Variant>
std::string enum_word(const Variant& value) {
  std::string word = torch::enumtype::get_enum_name(value).substr(1);
  word[0] = static_cast<char>(word[0] - 'A' + 'a');
  return word;
}

/// One module of a network as descriptions and operators see it.
struct Item {
  std::string path;                       ///< its place, for example "3" or, in a NestedSequential, "3.0"
  std::string type;                       ///< "Conv2d"
  std::string text;                       ///< "Conv2d(1, 8, [3, 3])"
  std::vector<torch::Tensor> parameters;  ///< detached, sharing memory with the module, in the operators' order
};

/// Writes an Item argument by argument, in the order of docs/architecture.md.
class ItemWriter {
 public:
  ItemWriter(std::string path, std::string type)
      : item_{std::move(path), std::move(type), "", {}}, arguments_(item_.type + "(") {}

  template <typename Value>
  ItemWriter& required(const Value& value) {
    return append(value_text(value));
  }

  /// Nothing where the value is the default.
  template <typename Value>
  ItemWriter& optional(const char* keyword, const Value& value, const Value& usual) {
    return value == usual ? *this : keyword_argument(keyword, value);
  }

  template <typename Value>
  ItemWriter& keyword_argument(const char* keyword, const Value& value) {
    check_finite(keyword, value);
    return append(std::string(keyword) + "=" + value_text(value));
  }

  /// Adds a tensor that the module must have.
  ItemWriter& parameter(const char* name, const torch::Tensor& tensor) {
    if (!tensor.defined()) {
      fail(std::string("has no ") + name + " (an undefined tensor)");
    }
    item_.parameters.push_back(tensor.detach());
    return *this;
  }

  /// Adds a tensor if the module has it.
  ItemWriter& parameter_if_defined(const torch::Tensor& tensor) {
    if (tensor.defined()) {
      item_.parameters.push_back(tensor.detach());
    }
    return *this;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error("describe: module " + item_.path + " (" + item_.type + ") " + what);
  }

  Item finish() {
    item_.text = arguments_ + ")";
    return std::move(item_);
  }

 private:
  void check_finite(const char* keyword, double value) const {
    if (!std::isfinite(value)) {
      fail(std::string("has ") + keyword + "=" + std::to_string(value) + "; descriptions hold finite numbers only");
    }
  }
  void check_finite(const char* keyword, const std::vector<double>& values) const {
    for (const double value : values) {
      check_finite(keyword, value);
    }
  }
  template <typename Other>
  static void check_finite(const char* /*keyword*/, const Other& /*other*/) {}

  ItemWriter& append(const std::string& argument) {
    arguments_ += (item_.type.size() + 1 == arguments_.size() ? "" : ", ") + argument;
    return *this;
  }

  Item item_;
  std::string arguments_;
};

}  // namespace funcsim::detail

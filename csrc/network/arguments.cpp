#include "network/arguments.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "kernels/common/error.h"

namespace funcsim {

namespace {

constexpr std::size_t most_message_bytes = 80;

bool is_integer(std::string_view number) {
  return number.find_first_of(".eE") == std::string_view::npos;
}

std::string kind_text(const ArgumentSpec& spec) {
  const auto list = [&](const char* element) {
    return spec.length > 0 ? "a list of " + std::to_string(spec.length) + " " + element
                           : std::string("a list of ") + element;
  };
  std::string text;
  switch (spec.type) {
    case ArgumentType::boolean:
      text = "true or false";
      break;
    case ArgumentType::integer:
      text = "an integer";
      break;
    case ArgumentType::real:
      text = "a number";
      break;
    case ArgumentType::word:
      break;
    case ArgumentType::integers:
      text = list("integers");
      break;
    case ArgumentType::reals:
      text = list("numbers");
      break;
  }
  for (const std::string_view word : spec.words) {
    text += (text.empty() ? "" : " or ") + std::string(word);
  }
  return text;
}

/// Turns literals into values of one argument, or fails naming it.
class ValueReader {
 public:
  explicit ValueReader(const ArgumentSpec& spec) : spec_(spec) {}

  Value read(const Literal& literal) const {
    if (literal.kind == Literal::Kind::word) {
      return read_word(literal);
    }
    switch (spec_.type) {
      case ArgumentType::integer:
        return read_integer(number(literal));
      case ArgumentType::real:
        return read_real(number(literal));
      case ArgumentType::integers:
        return read_list<std::int64_t>(literal, [&](std::string_view element) { return read_integer(element); });
      case ArgumentType::reals:
        return read_list<double>(literal, [&](std::string_view element) { return read_real(element); });
      default:
        fail_kind(literal.text);
    }
  }

 private:
  [[noreturn]] void fail_kind(std::string_view text) const {
    fail(spec_.name, " must be ", kind_text(spec_), ", got ", shown(text));
  }

  Value read_word(const Literal& literal) const {
    const std::string_view word = literal.text;
    if (spec_.type == ArgumentType::boolean && (word == "true" || word == "false")) {
      return word == "true";
    }
    if (std::ranges::find(spec_.words, word) != spec_.words.end()) {
      return std::string(word);
    }
    if (word == "none" && spec_.usual.has_value() && std::holds_alternative<std::monostate>(*spec_.usual)) {
      return std::monostate{};
    }
    fail_kind(word);
  }

  std::string_view number(const Literal& literal) const {
    if (literal.kind != Literal::Kind::number) {
      fail_kind(literal.text);
    }
    return literal.text;
  }

  std::int64_t read_integer(std::string_view text) const {
    if (!is_integer(text)) {
      fail_kind(text);
    }
    std::int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    check(result.ec == std::errc{}, spec_.name, " must fit 64 bits, got ", shown(text));
    check(value >= spec_.least, spec_.name, " must be at least ", spec_.least, ", got ", value);
    return value;
  }

  double read_real(std::string_view text) const {
    // Not std::from_chars, whose part for double is younger than the systems that the library is for.
    static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
    errno = 0;
    const double value = strtod_l(std::string(text).c_str(), nullptr, c_locale);
    const bool in_range = errno != ERANGE || (std::isfinite(value) && value != 0);  // a subnormal number is one
    check(in_range, spec_.name, " must be in the range of float64, got ", shown(text));
    return value;
  }

  template <typename Element, typename Read>
  Value read_list(const Literal& literal, const Read& read) const {
    if (literal.kind != Literal::Kind::list) {
      fail_kind(literal.text);
    }
    const auto count = static_cast<std::int64_t>(literal.elements.size());
    check(spec_.length > 0 ? count == spec_.length : count > 0, spec_.name, " must be ", kind_text(spec_), ", got ",
          shown(literal.text), " with ", count);
    std::vector<Element> list;
    list.reserve(literal.elements.size());
    for (const std::string_view element : literal.elements) {
      list.push_back(read(element));
    }
    return list;
  }

  const ArgumentSpec& spec_;
};

std::string positional_names(const LayerType& type, std::size_t& count) {
  std::string names;
  count = 0;
  for (const ArgumentSpec& spec : type.arguments) {
    if (!spec.usual.has_value()) {
      names += (names.empty() ? "" : ", ") + std::string(spec.name);
      ++count;
    }
  }
  return names;
}

std::size_t keyword_index(const LayerType& type, std::string_view keyword) {
  std::string names;
  for (std::size_t i = 0; i < type.arguments.size(); ++i) {
    if (type.arguments[i].name == keyword) {
      return i;
    }
    names += (names.empty() ? "" : ", ") + std::string(type.arguments[i].name);
  }
  fail(type.name, " has no argument ", shown(keyword), "; it has ", names.empty() ? "none" : names);
}

}  // namespace

std::vector<Value> bind_arguments(const LayerType& type, const std::vector<Argument>& arguments) {
  std::vector<std::optional<Value>> bound(type.arguments.size());
  std::size_t positional_count = 0;
  const std::string positional = positional_names(type, positional_count);
  std::size_t next = 0;
  for (const Argument& argument : arguments) {
    std::size_t index = 0;
    if (argument.keyword.empty()) {
      check(next < positional_count, type.name, " takes ", positional_count, " positional arguments",
            positional.empty() ? "" : " (" + positional + ")", ", got one more: ", shown(argument.literal.text));
      index = next++;  // required arguments come first in every specification
    } else {
      index = keyword_index(type, argument.keyword);
    }
    check(!bound[index].has_value(), type.arguments[index].name, " is given twice");
    bound[index] = ValueReader(type.arguments[index]).read(argument.literal);
  }
  std::vector<Value> values;
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const std::optional<Value>& given = bound[i];
    const std::optional<Value>& usual = type.arguments[i].usual;
    if (given.has_value()) {
      values.push_back(*given);
    } else if (usual.has_value()) {
      values.push_back(*usual);
    } else {
      fail(type.name, " needs the argument ", type.arguments[i].name);
    }
  }
  return values;
}

std::string shown(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : text.substr(0, most_message_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      result += c;
    } else {
      result += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
    }
  }
  return text.size() > most_message_bytes ? result + "..." : result;
}

}  // namespace funcsim

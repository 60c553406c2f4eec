#include "network/architecture.h"

#include <cstddef>
#include <utility>

#include "kernels/common/error.h"
#include "network/arguments.h"
#include "network/layer_type.h"

namespace funcsim {

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 20;
constexpr std::size_t most_items = 100'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Reads a description from left to right.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Architecture parse() {
    header();
    Architecture architecture;
    skip_space();
    if (at_end()) {
      return architecture;
    }
    while (true) {
      check(architecture.items.size() < most_items, "architecture: at most ", most_items, " items are read, got more");
      architecture.items.push_back(item(architecture.items.size()));
      skip_space();
      if (at_end()) {
        return architecture;
      }
      check(take(';'), "architecture: expected ; or the end after item ", architecture.items.size() - 1, ", got ",
            here());
    }
  }

 private:
  void header() {
    constexpr std::string_view prefix = "funcsim/";
    check(text_.starts_with(prefix), "architecture: must start with funcsim/1: got ",
          text_.empty() ? "an empty text" : quoted(text_));
    position_ = prefix.size();
    const std::string_view version = while_true(is_digit);
    check(version == "1", "architecture: this library reads version 1 of the language, got version \"", shown(version),
          "\"");
    skip_space();
    check(take(':'), "architecture: expected : after the version, got ", here());
  }

  Item item(std::size_t index) {
    skip_space();
    const std::size_t start = position_;
    try {
      return read_item(start);
    } catch (const Error& error) {
      const std::string_view rest = text_.substr(start);
      fail("architecture: item ", index, " (", shown(rest.substr(0, rest.find(';'))), "): ", error.what());
    }
  }

  Item read_item(std::size_t start) {
    const std::string_view name = identifier();
    check(!name.empty(), "expected the type of a module, got ", here());
    skip_space();
    check(at_end() || text_[position_] != '=', "names the item ", shown(name),
          "; names are reserved for a later version of the language");
    check(take('('), "expected ( after ", shown(name), ", got ", here());
    const std::vector<Argument> arguments = read_arguments();
    const LayerType* type = find_layer_type(name);
    check(type != nullptr, "there is no layer type ", shown(name), "; supported are ", supported_layer_types());
    Item item{type, shown(text_.substr(start, position_ - start)), bind_arguments(*type, arguments)};
    if (type->validate != nullptr) {
      type->validate(item);
    }
    return item;
  }

  /// From behind the opening parenthesis to behind the closing one.
  std::vector<Argument> read_arguments() {
    std::vector<Argument> arguments;
    skip_space();
    if (take(')')) {
      return arguments;
    }
    while (true) {
      arguments.push_back(argument());
      check(
          !arguments.back().keyword.empty() || arguments.size() < 2 || arguments[arguments.size() - 2].keyword.empty(),
          "the positional argument ", shown(arguments.back().literal.text), " must come before keyword arguments");
      skip_space();
      if (take(')')) {
        return arguments;
      }
      check(take(','), "expected , or ) after an argument, got ", here());
    }
  }

  Argument argument() {
    skip_space();
    const std::size_t start = position_;
    const std::string_view keyword = identifier();
    skip_space();
    if (!keyword.empty() && take('=')) {
      return {keyword, literal()};
    }
    position_ = start;
    return {{}, literal()};
  }

  Literal literal() {
    skip_space();
    const std::size_t start = position_;
    if (take('[')) {
      std::vector<std::string_view> elements = list_elements();
      return {Literal::Kind::list, text_.substr(start, position_ - start), std::move(elements)};
    }
    if (!at_end() && is_letter(text_[position_])) {
      const auto in_word = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; };
      return {Literal::Kind::word, while_true(in_word), {}};
    }
    return {Literal::Kind::number, number("a number, a word or a list"), {}};
  }

  std::vector<std::string_view> list_elements() {
    std::vector<std::string_view> elements;
    skip_space();
    if (take(']')) {
      return elements;
    }
    while (true) {
      skip_space();
      elements.push_back(number("a number"));
      skip_space();
      if (take(']')) {
        return elements;
      }
      check(take(','), "expected , or ] in a list, got ", here());
    }
  }

  std::string_view number(const char* expected) {
    const std::size_t start = position_;
    take('-');
    if (while_true(is_digit).empty()) {
      position_ = start;
      fail("expected ", expected, ", got ", here());
    }
    if (take('.')) {
      while_true(is_digit);
    }
    if (take('e') || take('E')) {
      if (!take('-')) {
        take('+');
      }
      check(!while_true(is_digit).empty(), "expected the digits of an exponent, got ", here());
    }
    return text_.substr(start, position_ - start);
  }

  std::string_view identifier() {
    if (at_end() || !is_letter(text_[position_])) {
      return {};
    }
    return while_true([](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
  }

  template <typename Predicate>
  std::string_view while_true(const Predicate& predicate) {
    const std::size_t start = position_;
    while (!at_end() && predicate(text_[position_])) {
      ++position_;
    }
    return text_.substr(start, position_ - start);
  }

  bool take(char c) {
    if (at_end() || text_[position_] != c) {
      return false;
    }
    ++position_;
    return true;
  }

  void skip_space() { while_true(is_space); }
  bool at_end() const { return position_ == text_.size(); }
  std::string here() const { return at_end() ? "the end" : quoted(text_.substr(position_, 1)); }
  static std::string quoted(std::string_view text) {
    std::string result(1, '"');
    result += shown(text);
    result += '"';
    return result;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

const Value& Item::argument(std::string_view name) const {
  for (std::size_t i = 0; i < type->arguments.size(); ++i) {
    if (type->arguments[i].name == name) {
      return arguments[i];
    }
  }
  fail(type->name, " has no argument ", name);
}

bool Item::boolean(std::string_view name) const {
  return std::get<bool>(argument(name));
}
std::int64_t Item::integer(std::string_view name) const {
  return std::get<std::int64_t>(argument(name));
}
double Item::real(std::string_view name) const {
  return std::get<double>(argument(name));
}
const std::string& Item::word(std::string_view name) const {
  return std::get<std::string>(argument(name));
}
const std::vector<std::int64_t>& Item::integers(std::string_view name) const {
  return std::get<std::vector<std::int64_t>>(argument(name));
}
const std::vector<double>& Item::reals(std::string_view name) const {
  return std::get<std::vector<double>>(argument(name));
}
bool Item::has(std::string_view name) const {
  return !std::holds_alternative<std::monostate>(argument(name));
}
bool Item::is_word(std::string_view name, std::string_view word) const {
  const auto* given = std::get_if<std::string>(&argument(name));
  return given != nullptr && *given == word;
}

Architecture parse_architecture(std::string_view text) {
  check(text.size() <= most_bytes, "architecture: at most ", most_bytes, " bytes (1 MiB) of text are read, got ",
        text.size());
  return Parser(text).parse();
}

std::string item_place(const Architecture& architecture, std::int64_t item) {
  return "item " + std::to_string(item) + " (" + architecture.items[static_cast<std::size_t>(item)].text + ")";
}

}  // namespace funcsim

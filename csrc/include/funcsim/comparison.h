#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "options.h"

namespace funcsim {

/// Two hidden layers compared. A *unit* is an output feature of a Linear or an output channel of a convolution. Scores
/// and similarities are from 0 to 1, for Similarity::phi from -1 to 1.
struct LayerComparison {
  std::string name_a;             ///< place of the affine layer in network a, for example "0" or "3.0"
  std::string name_b;             ///< in network b
  std::int64_t units_a = 0;       ///< units of a's layer
  std::int64_t units_b = 0;       ///< units of b's layer
  double score = 0.0;             ///< sum of the similarities of matched units / max(units_a, units_b)
  double chance = 0.0;            ///< the same against b's layer with its samples shuffled
  double adjusted = 0.0;          ///< (score - chance) / (1 - chance); where chance is 1, 1 for a score of 1 and else 0
  double standard_error = 0.0;    ///< of the score; 0 for exact
  double coverage_a = 0.0;        ///< the same sum / units_a: how much of a's layer lives on in b's
  double coverage_b = 0.0;        ///< the same sum / units_b
  torch::Tensor matches;          ///< int64 [k, 2]: unit of a, unit of b; ascending in a; k = min(units_a, units_b)
  torch::Tensor similarities;     ///< float32 [k] of these pairs
  std::int64_t dead_a = 0;        ///< units of a that fire on no sample
  std::int64_t dead_b = 0;        ///< of b
  std::int64_t always_on_a = 0;   ///< units of a that fire on every sample
  std::int64_t always_on_b = 0;   ///< of b
  std::int64_t duplicates_a = 0;  ///< units of a that vary, and fire exactly when an earlier one does
  std::int64_t duplicates_b = 0;  ///< of b
};

/// A hidden layer without a partner. It counts as 0 in the network's score.
struct UnmatchedLayer {
  std::string name;        ///< place of the affine layer in its network
  std::int64_t units = 0;  ///< its units
};

/// Two networks compared: what compare() returns. Print it for a table.
struct Comparison {
  double score = 0.0;             ///< layer scores weighted by max(units_a, units_b), from 0 to 1 (phi: from -1)
  double chance = 0.0;            ///< the score against b with its inputs shuffled: what unrelated networks reach
  double adjusted = 0.0;          ///< (score - chance) / (1 - chance): 1 for equal networks, near 0 for unrelated ones
  double standard_error = 0.0;    ///< of the score; 0 for exact
  Method method = Method::exact;  ///< which ran: exact or minhash
  Similarity similarity = Similarity::jaccard;  ///< which was asked for
  std::vector<LayerComparison> layers;          ///< pairs of hidden layers, in a's order
  std::vector<UnmatchedLayer> unmatched_a;      ///< hidden layers of a without a partner
  std::vector<UnmatchedLayer> unmatched_b;      ///< of b
};

namespace detail {

inline std::string fixed(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(4) << value;
  return text.str();
}

template <typename A, typename B>
std::string both(const A& a, const B& b) {
  std::ostringstream text;
  text << a << " / " << b;
  return text.str();
}

using TableRow = std::vector<std::string>;

inline TableRow table_row(const LayerComparison& layer) {
  return {layer.name_a,
          layer.name_b,
          both(layer.units_a, layer.units_b),
          fixed(layer.score),
          fixed(layer.chance),
          fixed(layer.adjusted),
          both(fixed(layer.coverage_a), fixed(layer.coverage_b)),
          both(layer.dead_a, layer.dead_b),
          both(layer.always_on_a, layer.always_on_b),
          both(layer.duplicates_a, layer.duplicates_b)};
}

/// Rows under a heading, columns as wide as their widest cell, no blanks at line ends and no line break at the end.
inline void print_table(std::ostream& stream, const std::vector<LayerComparison>& layers) {
  std::vector<TableRow> rows = {
      {"a", "b", "units", "score", "chance", "adjusted", "coverage", "dead", "always on", "duplicates"}};
  for (const LayerComparison& layer : layers) {
    rows.push_back(table_row(layer));
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const TableRow& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], row[c].size());
    }
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line = r == 0 ? "" : "\n";
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      const bool last = c + 1 == rows[r].size();
      line += rows[r][c] + std::string(last ? 0 : widths[c] - rows[r][c].size() + 2, ' ');
    }
    stream << line;
  }
}

inline void print_unmatched(std::ostream& stream, const char* network, const std::vector<UnmatchedLayer>& layers) {
  for (const UnmatchedLayer& layer : layers) {
    stream << "\nlayer " << layer.name << " of " << network << " (" << layer.units << " units) has no partner";
  }
}

}  // namespace detail

/// A heading and one line. Pairs of numbers are a / b.
///
/// @param stream is written to, without a line break at the end
/// @param layer  any
/// @return stream
inline std::ostream& operator<<(std::ostream& stream, const LayerComparison& layer) {
  detail::print_table(stream, {layer});
  return stream;
}

/// A line on the networks and a table of their layers, as Python prints it. Pairs of numbers are a / b.
///
/// @param stream     is written to, without a line break at the end
/// @param comparison any
/// @return stream
inline std::ostream& operator<<(std::ostream& stream, const Comparison& comparison) {
  stream << "score " << detail::fixed(comparison.score) << ", chance " << detail::fixed(comparison.chance)
         << ", adjusted " << detail::fixed(comparison.adjusted) << " (" << to_string(comparison.method) << ", "
         << to_string(comparison.similarity);
  if (comparison.method == Method::minhash) {
    stream << ", standard error " << detail::fixed(comparison.standard_error);
  }
  stream << ")\n";
  detail::print_table(stream, comparison.layers);
  detail::print_unmatched(stream, "a", comparison.unmatched_a);
  detail::print_unmatched(stream, "b", comparison.unmatched_b);
  return stream;
}

}  // namespace funcsim

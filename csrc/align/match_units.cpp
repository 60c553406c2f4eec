#include "align/match_units.h"

#include <cstddef>
#include <memory>
#include <string>

#include "align/match_blocks.h"
#include "align/unit_weights.h"
#include "kernels/common/error.h"
#include "network/unit_blocks.h"
#include "network/unit_places.h"

namespace funcsim {

namespace {

/// Rows and columns of a matrix.
template <typename Result, typename Number>
std::vector<Result> part(const std::vector<Number>& matrix, std::int64_t width, const UnitBlocks& a, std::int64_t g,
                         const UnitBlocks& b, std::int64_t h) {
  std::vector<Result> result;
  result.reserve(static_cast<std::size_t>((a.end(g) - a.begin(g)) * (b.end(h) - b.begin(h))));
  for (std::int64_t i = a.begin(g); i < a.end(g); ++i) {
    for (std::int64_t j = b.begin(h); j < b.end(h); ++j) {
      result.push_back(static_cast<Result>(matrix[(i * width) + j]));
    }
  }
  return result;
}

/// Adds as many numbers as there are, or none.
void add_to(std::vector<double>& total, const std::vector<double>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    total[i] += numbers[i];
  }
}

class UnitMatcher {
 public:
  UnitMatcher(const Network& a, const Network& b, const std::vector<UnitSimilarities>& similarities,
              std::optional<std::int64_t> input_dimensions, const ParallelFor& parallel_for)
      : a_(a),
        b_(b),
        similarities_(similarities),
        dimensions_(input_dimensions),
        parallel_for_(parallel_for),
        places_a_(find_unit_places(a, input_dimensions)),
        places_b_(find_unit_places(b, input_dimensions)),
        blocks_a_(find_unit_blocks(a, places_a_)),
        blocks_b_(find_unit_blocks(b, places_b_)),
        matches_(a.hidden_layers().size()) {
    check_corresponding(blocks_a_, blocks_b_);
    assign_free_layers();
    for (std::size_t begin = 0; begin < matches_.size(); begin = end_of(begin)) {
      take(begin, matched(begin, end_of(begin), /*descends=*/false));
    }
  }

  /// Coordinate descent: goes on from the matches there are.
  void descend() {
    constexpr int most_sweeps = 100;
    constexpr double least_growth = 1e-10;
    double objective = nearness_of_weights();
    bool grows = true;
    for (int sweep = 0; grows && sweep < most_sweeps; ++sweep) {
      grows = false;
      for (std::size_t begin = 0; begin < matches_.size(); begin = end_of(begin)) {
        const std::vector<UnitMatch> before = matches_;
        take(begin, matched(begin, end_of(begin), /*descends=*/true));
        const double reached = matches_ == before ? objective : nearness_of_weights();
        if (reached > objective + (least_growth * std::abs(objective))) {
          objective = reached;
          grows = true;
        } else {
          matches_ = before;
        }
      }
    }
  }

  std::vector<UnitMatch> matches() && { return std::move(matches_); }

 private:
  /// Layers from begin on that are matched together: those whose blocks move together, or one.
  std::size_t end_of(std::size_t begin) const {
    const bool move = blocks_a_[begin].can_move && blocks_b_[begin].can_move;
    std::size_t end = begin + 1;
    while (move && end < matches_.size() && blocks_b_[end].component == blocks_b_[begin].component) {
      ++end;
    }
    return end;
  }

  /// Solves the assignments of layers without blocks, which don't depend on each other: side by side, since each is
  /// sequential.
  void assign_free_layers() {
    assigned_.resize(matches_.size());
    std::vector<std::size_t> free;
    for (std::size_t l = 0; l < similarities_.size(); ++l) {
      if (blocks_a_[l].count() == 1 && blocks_b_[l].count() == 1) {
        free.push_back(l);
      }
    }
    parallel_for_(0, static_cast<std::int64_t>(free.size()), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t f = begin; f < end; ++f) {
        const std::size_t l = free[f];
        assigned_[l] = best_match(similarities_[l], blocks_a_[l].units, blocks_b_[l].units, serial_for);
      }
    });
  }

  void take(std::size_t begin, const std::vector<UnitMatch>& matched) {
    std::ranges::copy(matched, matches_.begin() + static_cast<std::ptrdiff_t>(begin));
  }

  std::vector<UnitMatch> matched(std::size_t begin, std::size_t end, bool descends) {
    const bool by_weights = descends || similarities_.empty();
    sums_.assign(end - begin, {});
    nearness_.clear();
    incoming_.reset();
    if (by_weights) {
      sums_.front() = incoming_nearness(begin);
      if (descends) {
        add_outgoing(begin, end);
      }
    }
    ComponentNumbers numbers;
    if (by_weights) {
      numbers.similarities = [this, begin](const BlockPair& pair) { return weight_similarities(begin, pair); };
    } else {
      numbers.similarities = [this](const BlockPair& pair) { return given_similarities(pair); };
      numbers.assigned = assigned_[begin].empty() ? nullptr : &assigned_[begin];
      numbers.opinion = [this](const BlockPair& pair) { return opinion_on(pair); };
    }
    return match_blocks(blocks_a_, blocks_b_, begin, end, numbers, parallel_for_);
  }

  std::vector<float> given_similarities(const BlockPair& pair) const {
    return part<float>(similarities_[pair.layer], blocks_b_[pair.layer].units, blocks_a_[pair.layer], pair.block_a,
                       blocks_b_[pair.layer], pair.block_b);
  }

  std::vector<float> weight_similarities(std::size_t begin, const BlockPair& pair) {
    const std::vector<double>& known = sums_[pair.layer - begin];
    std::vector<double> sums = known.empty() ? std::vector<double>()
                                             : part<double>(known, blocks_b_[pair.layer].units, blocks_a_[pair.layer],
                                                            pair.block_a, blocks_b_[pair.layer], pair.block_b);
    if (pair.before != nullptr) {
      std::vector<double> of_groups = grouped_nearness(pair);
      if (of_groups.empty()) {
        fail(not_comparable(pair.layer));
      }
      add_to(of_groups, sums);
      sums = std::move(of_groups);
    }
    return {sums.begin(), sums.end()};
  }

  /// What the next layer reads the units of the last of these layers through, if it isn't a grouped convolution.
  void add_outgoing(std::size_t begin, std::size_t end) {
    const std::size_t last = end - 1;
    const UnitMatch after = end < matches_.size() ? matches_[end] : weights().matched_outputs();
    if (const auto numbers = weights().outgoing(last, after)) {
      std::vector<double> values = nearness(*numbers);
      add_to(values, sums_[last - begin]);
      sums_[last - begin] = std::move(values);
    }
  }

  /// How near the canonical weights into units are.
  SecondOpinion opinion_on(const BlockPair& pair) {
    const std::int64_t first_a = blocks_a_[pair.layer].begin(pair.block_a);
    const std::int64_t first_b = blocks_b_[pair.layer].begin(pair.block_b);
    if (pair.before != nullptr) {
      const std::int64_t width = blocks_b_[pair.layer].end(pair.block_b) - first_b;
      const auto of_groups = std::make_shared<std::vector<double>>();
      return [this, pair, width, of_groups](const auto& rows, const auto& columns) {
        if (of_groups->empty()) {
          *of_groups = grouped_nearness(pair);
        }
        return of_groups->empty() ? std::vector<double>() : chosen(*of_groups, width, 0, rows, 0, columns);
      };
    }
    return [this, layer = pair.layer, first_a, first_b](const auto& rows, const auto& columns) {
      if (blocks_a_[layer].count() == 1) {
        const auto& numbers = incoming(layer);
        return numbers.has_value() ? nearness(*numbers, rows, columns) : std::vector<double>();
      }
      return chosen(all_nearness(layer), blocks_b_[layer].units, first_a, rows, first_b, columns);
    };
  }

  static std::vector<double> chosen(const std::vector<double>& matrix, std::int64_t width, std::int64_t first_row,
                                    const std::vector<std::int64_t>& rows, std::int64_t first_column,
                                    const std::vector<std::int64_t>& columns) {
    std::vector<double> values;
    values.reserve(matrix.empty() ? 0 : rows.size() * columns.size());
    for (const std::int64_t row : rows) {
      for (std::size_t k = 0; k < columns.size() && !matrix.empty(); ++k) {
        values.push_back(matrix[((first_row + row) * width) + first_column + columns[k]]);
      }
    }
    return values;
  }

  const std::vector<double>& all_nearness(std::size_t layer) {
    if (const std::optional<UnitNumbers>& numbers = incoming(layer); nearness_.empty() && numbers.has_value()) {
      nearness_ = nearness(*numbers);
    }
    return nearness_;
  }

  /// Of a grouped convolution whose inputs are matched by pair.before: units, each of which may be several channels.
  std::vector<double> grouped_nearness(const BlockPair& pair) {
    const std::size_t before = pair.layer - 1;
    const auto channels = static_cast<std::int64_t>(places_a_[before].columns.size()) / blocks_a_[before].units;
    if (channels != static_cast<std::int64_t>(places_b_[before].columns.size()) / blocks_b_[before].units) {
      return {};
    }
    UnitMatch within;
    within.reserve(pair.before->size() * static_cast<std::size_t>(channels));
    for (const std::int64_t unit : *pair.before) {
      for (std::int64_t c = 0; c < channels; ++c) {
        within.push_back(unit < 0 ? -1 : (unit * channels) + c);
      }
    }
    return weights().grouped_nearness(pair.layer, pair.block_a, pair.block_b, within);
  }

  /// Of the layer that is being matched.
  const std::optional<UnitNumbers>& incoming(std::size_t layer) {
    if (!incoming_.has_value()) {
      incoming_ = {layer, weights().incoming(layer, layer == 0 ? UnitMatch() : matches_[layer - 1])};
    }
    return incoming_->second;
  }

  std::vector<double> incoming_nearness(std::size_t layer) {
    const std::optional<UnitNumbers>& numbers = incoming(layer);
    if (!numbers.has_value()) {
      fail(not_comparable(layer));
    }
    return nearness(*numbers);
  }

  std::string not_comparable(std::size_t layer) const {
    return "the weights of hidden layer " + std::to_string(layer) + ", " +
           item_place(a_.architecture(), a_.hidden_layers()[layer].item) + " in the reference and " +
           item_place(b_.architecture(), b_.hidden_layers()[layer].item) +
           " in the model, can't be compared: that takes the same kernels, groups, and numbers of inputs for each unit "
           "of the layer before, all of them matched where there are groups";
  }

  double nearness_of_weights() {
    double sum = 0.0;
    const std::size_t layers = matches_.size();
    for (std::size_t l = 0; l <= layers; ++l) {
      if (const auto numbers = weights().incoming(l, l == 0 ? UnitMatch() : matches_[l - 1])) {
        sum += matched_nearness(*numbers, l < layers ? matches_[l] : weights().matched_outputs());
      }
    }
    return sum;
  }

  const UnitWeights& weights() {
    if (weights_ == nullptr) {
      weights_ = std::make_unique<UnitWeights>(a_, places_a_, b_, places_b_, dimensions_);
    }
    return *weights_;
  }

  const Network& a_;
  const Network& b_;
  const std::vector<UnitSimilarities>& similarities_;
  std::optional<std::int64_t> dimensions_;
  const ParallelFor& parallel_for_;
  std::vector<UnitPlaces> places_a_;
  std::vector<UnitPlaces> places_b_;
  std::vector<UnitBlocks> blocks_a_;
  std::vector<UnitBlocks> blocks_b_;
  std::vector<UnitMatch> matches_;
  std::vector<UnitMatch> assigned_;       ///< of layers without blocks, by similarities alone
  std::unique_ptr<UnitWeights> weights_;  ///< made when they are asked for: often there are no ties

  // Of the layers that are being matched.
  std::vector<std::vector<double>> sums_;  ///< what weights say of them, as far as it is one matrix
  std::optional<std::pair<std::size_t, std::optional<UnitNumbers>>> incoming_;
  std::vector<double> nearness_;
};

}  // namespace

std::vector<UnitMatch> match_units(const Network& a, const Network& b,
                                   const std::vector<UnitSimilarities>& similarities, bool coordinate_descent,
                                   std::optional<std::int64_t> input_dimensions, const ParallelFor& parallel_for) {
  UnitMatcher matcher(a, b, similarities, input_dimensions, parallel_for);
  if (coordinate_descent) {
    matcher.descend();
  }
  return std::move(matcher).matches();
}

}  // namespace funcsim

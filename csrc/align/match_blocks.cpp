#include "align/match_blocks.h"

#include <cstddef>

#include "kernels/common/error.h"

namespace funcsim {

namespace {

/// The units of a pair of blocks in all layers of a component.
struct MatchedBlocks {
  double value = 0.0;             ///< sum of similarities
  double opinion = 0.0;           ///< the same of the second opinion, if it was asked
  std::vector<UnitMatch> within;  ///< for each layer, counted from the blocks' first units
};

class BlockMatcher {
 public:
  BlockMatcher(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b, std::size_t begin, std::size_t end,
               const ComponentNumbers& numbers, const ParallelFor& parallel_for)
      : a_(a), b_(b), begin_(begin), end_(end), numbers_(numbers), parallel_for_(parallel_for) {}

  std::vector<UnitMatch> match() const {
    std::vector<UnitMatch> matches;
    for (std::size_t l = begin_; l < end_; ++l) {
      matches.emplace_back(static_cast<std::size_t>(a_[l].units), -1);
    }
    const UnitMatch blocks = match_of_blocks();
    for (std::int64_t g = 0; g < a_[begin_].count(); ++g) {
      const std::int64_t h = blocks[g];
      if (h < 0) {
        continue;
      }
      const MatchedBlocks matched = matched_blocks(g, h, /*with_opinion=*/true);
      for (std::size_t l = begin_; l < end_; ++l) {
        const UnitMatch& within = matched.within[l - begin_];
        for (std::size_t i = 0; i < within.size(); ++i) {
          if (within[i] >= 0) {
            matches[l - begin_][a_[l].begin(g) + static_cast<std::int64_t>(i)] = b_[l].begin(h) + within[i];
          }
        }
      }
    }
    return matches;
  }

 private:
  static std::int64_t size(const UnitBlocks& blocks, std::int64_t block) {
    return blocks.end(block) - blocks.begin(block);
  }

  UnitMatch match_of_blocks() const {
    const std::int64_t count_a = a_[begin_].count();
    const std::int64_t count_b = b_[begin_].count();
    if (!a_[begin_].can_move || !b_[begin_].can_move || (count_a == 1 && count_b == 1)) {
      UnitMatch same(static_cast<std::size_t>(count_a));
      for (std::int64_t g = 0; g < count_a; ++g) {
        same[g] = g;
      }
      return same;
    }
    std::vector<double> values(static_cast<std::size_t>(count_a * count_b));
    for (std::int64_t g = 0; g < count_a; ++g) {
      for (std::int64_t h = 0; h < count_b; ++h) {
        values[(g * count_b) + h] = matched_blocks(g, h, /*with_opinion=*/false).value;
      }
    }
    UnitMatch match = best_match(values, count_a, count_b, parallel_for_);
    if (numbers_.opinion) {
      const SecondOpinion opinion = [&](const auto& blocks_a, const auto& blocks_b) {
        std::vector<double> opinions;
        opinions.reserve(blocks_a.size() * blocks_b.size());
        for (const std::int64_t g : blocks_a) {
          for (const std::int64_t h : blocks_b) {
            opinions.push_back(matched_blocks(g, h, /*with_opinion=*/true).opinion);
          }
        }
        return opinions;
      };
      break_ties(values, count_a, count_b, match, opinion, parallel_for_);
    }
    return match;
  }

  MatchedBlocks matched_blocks(std::int64_t g, std::int64_t h, bool with_opinion) const {
    MatchedBlocks matched;
    matched.within.reserve(end_ - begin_);
    for (std::size_t l = begin_; l < end_; ++l) {
      const BlockPair pair{l, g, h, l == begin_ ? nullptr : &matched.within.back()};
      const std::int64_t rows = size(a_[l], g);
      const std::int64_t columns = size(b_[l], h);
      const std::vector<float> similarities = numbers_.similarities(pair);
      UnitMatch match =
          numbers_.assigned != nullptr ? *numbers_.assigned : best_match(similarities, rows, columns, parallel_for_);
      if (with_opinion && numbers_.opinion) {
        const SecondOpinion opinion = numbers_.opinion(pair);
        break_ties(similarities, rows, columns, match, opinion, parallel_for_);
        matched.opinion += sum_of_opinions(match, opinion);
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        matched.value += match[i] < 0 ? 0.0 : static_cast<double>(similarities[(i * columns) + match[i]]);
      }
      matched.within.push_back(std::move(match));
    }
    return matched;
  }

  double sum_of_opinions(const UnitMatch& match, const SecondOpinion& opinion) const {
    if (a_[begin_].count() == 1) {
      return 0.0;  // which nobody asks for
    }
    double sum = 0.0;
    for (std::size_t i = 0; i < match.size(); ++i) {
      if (match[i] >= 0) {
        const std::vector<double> value = opinion({static_cast<std::int64_t>(i)}, {match[i]});
        sum += value.empty() ? 0.0 : value.front();
      }
    }
    return sum;
  }

  const std::vector<UnitBlocks>& a_;
  const std::vector<UnitBlocks>& b_;
  std::size_t begin_;
  std::size_t end_;
  const ComponentNumbers& numbers_;
  const ParallelFor& parallel_for_;
};

}  // namespace

std::vector<UnitMatch> match_blocks(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b,
                                    std::size_t begin, std::size_t end, const ComponentNumbers& numbers,
                                    const ParallelFor& parallel_for) {
  return BlockMatcher(a, b, begin, end, numbers, parallel_for).match();
}

}  // namespace funcsim

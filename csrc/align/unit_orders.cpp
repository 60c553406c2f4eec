#include "align/unit_orders.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "kernels/common/error.h"

namespace funcsim {

namespace {

/// Things of b in the order of their counterparts in a.
UnitOrder ordered(const UnitMatch& match, std::int64_t count_b) {
  std::vector<bool> taken(static_cast<std::size_t>(count_b));
  for (const std::int64_t partner : match) {
    if (partner >= 0) {
      taken[partner] = true;
    }
  }
  UnitOrder others;
  for (std::int64_t j = 0; j < count_b; ++j) {
    if (!taken[j]) {
      others.push_back(j);
    }
  }
  const bool holes_are_filled = count_b >= static_cast<std::int64_t>(match.size());
  UnitOrder order;
  order.reserve(static_cast<std::size_t>(count_b));
  auto next = others.begin();
  for (const std::int64_t partner : match) {
    if (partner >= 0) {
      order.push_back(partner);
    } else if (holes_are_filled) {
      order.push_back(*next++);
    }
  }
  order.insert(order.end(), next, others.end());
  return order;
}

std::string divided_by(const UnitBlocks& blocks) {
  return blocks.reason.empty() ? "nothing" : blocks.reason;
}

/// Counterparts of a's blocks of one component, from the matches of all its layers.
class BlockMatch {
 public:
  BlockMatch(const UnitBlocks& a, const UnitBlocks& b)
      : match_(static_cast<std::size_t>(a.count()), -1),
        counterpart_(static_cast<std::size_t>(b.count()), -1),
        can_move_(a.can_move && b.can_move) {
    if (!can_move_) {
      for (std::int64_t g = 0; g < a.count(); ++g) {
        match_[g] = counterpart_[g] = g;
      }
    }
  }

  void add(const std::string& layer, const UnitBlocks& a, const UnitBlocks& b, const UnitMatch& match) {
    for (std::int64_t i = 0; i < a.units; ++i) {
      if (match[i] < 0) {
        continue;
      }
      const std::int64_t g = a.block_of(i);
      const std::int64_t h = b.block_of(match[i]);
      if (match_[g] < 0 && counterpart_[h] < 0) {
        match_[g] = h;
        counterpart_[h] = g;
      } else if (match_[g] != h) {
        fail(layer, " pair unit ", i, " of the reference with unit ", match[i], " of the model, so block ", g,
             " of the units with block ", h, ", but ",
             match_[g] >= 0 ? "the first goes with block " + std::to_string(match_[g])
                            : "the second goes with block " + std::to_string(counterpart_[h]),
             ": ", divided_by(b), " keeps units in blocks that ", can_move_ ? "move as wholes" : "can't move");
      }
    }
  }

  const UnitMatch& match() const { return match_; }
  std::int64_t counterpart(std::int64_t block_b) const { return counterpart_[block_b]; }

 private:
  UnitMatch match_;
  UnitMatch counterpart_;
  bool can_move_;
};

UnitOrder order_within(const UnitBlocks& a, std::int64_t g, const UnitBlocks& b, std::int64_t h,
                       const UnitMatch& match) {
  UnitMatch within;
  for (std::int64_t i = g < 0 ? 0 : a.begin(g); g >= 0 && i < a.end(g); ++i) {
    within.push_back(match[i] < 0 ? -1 : match[i] - b.begin(h));
  }
  return ordered(within, b.end(h) - b.begin(h));
}

}  // namespace

void check_corresponding(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b) {
  for (std::size_t l = 0; l < a.size(); ++l) {
    const bool both_divided = (a[l].count() > 1) == (b[l].count() > 1);
    const bool equally = a[l].count() == b[l].count() || (a[l].can_move && b[l].can_move && both_divided);
    check(equally && a[l].component == b[l].component, "the units of hidden layer ", l,
          " are divided into blocks that don't correspond: ", a[l].count(), " in the reference (by ", divided_by(a[l]),
          ") and ", b[l].count(), " in the model (by ", divided_by(b[l]),
          "). Grouped convolutions and GroupNorms keep units together; both networks must have the same ones");
  }
}

std::vector<UnitOrder> unit_orders(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b,
                                   const std::vector<UnitMatch>& matches) {
  check_corresponding(a, b);
  std::vector<UnitOrder> orders(b.size());
  for (std::size_t begin = 0; begin < b.size();) {
    // Layers whose blocks stay in place may be divided into different numbers of them: each is looked at by itself.
    const bool move = a[begin].can_move && b[begin].can_move;
    std::size_t end = begin;
    BlockMatch blocks(a[begin], b[begin]);
    do {
      blocks.add("matches[" + std::to_string(end) + "]", a[end], b[end], matches[end]);
      ++end;
    } while (move && end < b.size() && b[end].component == b[begin].component);
    const UnitOrder block_order = ordered(blocks.match(), b[begin].count());
    for (std::size_t l = begin; l < end; ++l) {
      for (const std::int64_t h : block_order) {
        for (const std::int64_t unit : order_within(a[l], blocks.counterpart(h), b[l], h, matches[l])) {
          orders[l].push_back(b[l].begin(h) + unit);
        }
      }
    }
    begin = end;
  }
  return orders;
}

}  // namespace funcsim

#include "compare/match_layers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numeric>

#include "compare/pair_layers.h"
#include "kernels/common/error.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "kernels/minhash/minhash.h"

namespace funcsim {

namespace {

LayerMatch assign_units(const float* similarity, std::int64_t units_a, std::int64_t units_b) {
  const CostMatrix<float> cost{similarity, units_a, units_b, units_b, 1};
  Assignment assignment = linear_sum_assignment(cost, /*maximize=*/true, serial_for, /*with_duals=*/false);
  LayerMatch match;
  match.partners = std::move(assignment.column_of_row);
  match.similarities.resize(static_cast<std::size_t>(units_a), 0.0F);
  std::vector<float> matched;
  for (std::int64_t i = 0; i < units_a; ++i) {
    if (match.partners[i] >= 0) {
      match.similarities[i] = similarity[(i * units_b) + match.partners[i]];
      matched.push_back(match.similarities[i]);
    }
  }
  std::ranges::sort(matched);
  match.score = std::accumulate(matched.begin(), matched.end(), 0.0) / static_cast<double>(std::max(units_a, units_b));
  return match;
}

std::vector<LayerMatch> match_all(Similarities& similarities, const std::vector<MatchTask>& tasks,
                                  const ParallelFor& parallel_for) {
  std::vector<LayerMatch> matches(tasks.size());
  std::size_t begin = 0;
  while (begin < tasks.size()) {
    std::vector<std::unique_ptr<SimilarityMatrix>> started;
    std::int64_t bytes = 0;
    while (begin + started.size() < tasks.size() && (started.size() < 2 || bytes < similarities.budget_bytes())) {
      const MatchTask& task = tasks[begin + started.size()];
      started.push_back(similarities.start(task));
      bytes += task.a->units * task.b->units * static_cast<std::int64_t>(sizeof(float));
    }
    const auto solve = [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t) {
        const MatchTask& task = tasks[begin + t];
        matches[begin + t] = assign_units(started[t]->wait(), task.a->units, task.b->units);
        started[t].reset();
      }
    };
    const std::size_t solved = started.size();
    parallel_for(0, static_cast<std::int64_t>(solved), 1, solve);
    begin += solved;
  }
  return matches;
}

/// The factor (u - k) / (u - 1) of the variance of drawing without replacement, for k occupied of K slots: u, the size
/// of the union, is the one for which as many slots are expected to be occupied.
double unseen_share(std::int64_t occupied, std::int64_t num_hashes) {
  const auto slots = static_cast<double>(num_hashes);
  const auto drawn = static_cast<double>(occupied);
  if (occupied == num_hashes) {
    return 1.0;
  }
  const double size = std::log1p(-drawn / slots) / std::log1p(-1.0 / slots);
  return size > 1.0 ? std::max(size - drawn, 0.0) / (size - 1.0) : 0.0;
}

/// What every slot of the sketches contributes to the deviation of the layer's score from its expectation: the delta
/// method for the ratio (equal slots / slots not empty in both) of each matched pair, summed over pairs slot by slot,
/// so that the dependence between pairs that share slots is kept.
std::vector<double> slot_residuals(Similarities& similarities, const LayerEvidence& a, const LayerEvidence& b,
                                   const LayerMatch& match) {
  const std::int32_t* sketches_a = similarities.host_sketches(a);
  const std::int32_t* sketches_b = similarities.host_sketches(b);
  std::vector<double> residuals(static_cast<std::size_t>(a.width), 0.0);
  const auto denominator = static_cast<double>(std::max(a.units, b.units));
  for (std::int64_t i = 0; i < a.units; ++i) {
    if (match.partners[i] < 0) {
      continue;
    }
    const std::int32_t* x = sketches_a + (i * a.width);
    const std::int32_t* y = sketches_b + (match.partners[i] * b.width);
    std::int64_t occupied = 0;
    std::int64_t equal = 0;
    for (std::int64_t k = 0; k < a.width; ++k) {
      const bool both_empty = x[k] == empty_slot && y[k] == empty_slot;
      occupied += both_empty ? 0 : 1;
      equal += !both_empty && x[k] == y[k] ? 1 : 0;
    }
    if (occupied == 0) {
      continue;  // two empty sets are equal for sure
    }
    const double estimate = static_cast<double>(equal) / static_cast<double>(occupied);
    const double weight = std::sqrt(unseen_share(occupied, a.width)) / (static_cast<double>(occupied) * denominator);
    for (std::int64_t k = 0; k < a.width; ++k) {
      if (x[k] != empty_slot || y[k] != empty_slot) {
        residuals[k] += weight * ((x[k] == y[k] ? 1.0 : 0.0) - estimate);
      }
    }
  }
  return residuals;
}

/// Standard error of a sum of independent slot contributions. One slot says nothing about its own spread: then the
/// largest standard deviation that a value in [0, 1] can have.
double standard_error(const std::vector<double>& residuals) {
  const auto slots = static_cast<double>(residuals.size());
  if (slots < 2) {
    return 0.5;
  }
  double squares = 0.0;
  for (const double residual : residuals) {
    squares += residual * residual;
  }
  return std::sqrt(squares * slots / (slots - 1.0));
}

void check_given_pairs(const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs,
                       const std::vector<LayerEvidence>& a, const std::vector<LayerEvidence>& b) {
  std::vector<bool> used_a(a.size());
  std::vector<bool> used_b(b.size());
  for (const auto& [i, j] : pairs) {
    check(i >= 0 && i < static_cast<std::int64_t>(a.size()), "pairs names layer ", i, " of network a, which has ",
          a.size(), " hidden layers");
    check(j >= 0 && j < static_cast<std::int64_t>(b.size()), "pairs names layer ", j, " of network b, which has ",
          b.size(), " hidden layers");
    check(!used_a[i], "pairs names layer ", i, " of network a twice; every layer has at most one partner");
    check(!used_b[j], "pairs names layer ", j, " of network b twice; every layer has at most one partner");
    used_a[i] = true;
    used_b[j] = true;
  }
}

}  // namespace

void check_comparable(const std::vector<LayerEvidence>& a, const std::vector<LayerEvidence>& b, std::int64_t i,
                      std::int64_t j) {
  check(a[i].num_samples == b[j].num_samples, "layer ", i, " of network a has ", a[i].num_samples,
        " samples and layer ", j, " of network b has ", b[j].num_samples,
        ": layers can only be compared on equally many samples an input; positions=\"any\" gives one bit an input "
        "whatever "
        "the layer's grid");
}

std::vector<double> layer_scores(Similarities& similarities, const std::vector<LayerEvidence>& a,
                                 const std::vector<LayerEvidence>& b, bool shuffled, const ParallelFor& parallel_for) {
  std::vector<double> scores(a.size() * b.size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<MatchTask> tasks;
  std::vector<std::size_t> places;
  for (std::size_t j = 0; j < b.size(); ++j) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i].num_samples == b[j].num_samples) {
        tasks.push_back({&a[i], &b[j], shuffled});
        places.push_back((i * b.size()) + j);
      }
    }
  }
  const std::vector<LayerMatch> matches = match_all(similarities, tasks, parallel_for);
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    scores[places[t]] = matches[t].score;
  }
  return scores;
}

std::vector<double> pair_scores(Similarities& similarities, const std::vector<LayerEvidence>& a,
                                const std::vector<LayerEvidence>& b, bool shuffled, const ParallelFor& parallel_for) {
  std::vector<MatchTask> tasks;
  tasks.reserve(a.size());
  for (std::size_t l = 0; l < a.size(); ++l) {
    check_comparable(a, b, static_cast<std::int64_t>(l), static_cast<std::int64_t>(l));
    tasks.push_back({&a[l], &b[l], shuffled});
  }
  std::vector<double> scores;
  scores.reserve(a.size());
  for (const LayerMatch& match : match_all(similarities, tasks, parallel_for)) {
    scores.push_back(match.score);
  }
  return scores;
}

NetworkMatch compare_layers(Similarities& similarities, const std::vector<LayerEvidence>& a,
                            const std::vector<LayerEvidence>& b, const ShuffledLayers& shuffled_b,
                            const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs,
                            const ParallelFor& parallel_for) {
  std::vector<std::pair<std::int64_t, std::int64_t>> chosen = pairs;
  if (!pairs.empty()) {
    check_given_pairs(pairs, a, b);
    std::ranges::sort(chosen);
  } else if (a.size() == b.size()) {
    for (std::int64_t l = 0; l < static_cast<std::int64_t>(a.size()); ++l) {
      chosen.emplace_back(l, l);
    }
  } else {
    chosen = pair_layers(layer_scores(similarities, a, b, /*shuffled=*/false, parallel_for),
                         static_cast<std::int64_t>(a.size()), static_cast<std::int64_t>(b.size()));
    if (chosen.empty()) {
      check_comparable(a, b, 0, 0);
    }
  }

  std::vector<MatchTask> tasks;
  for (const auto& [i, j] : chosen) {
    check_comparable(a, b, i, j);
    tasks.push_back({&a[i], &b[j]});
  }
  for (const auto& [i, j] : chosen) {
    if (!shuffled_b.layers.empty()) {
      tasks.push_back({&a[i], &shuffled_b.layers[j]});
    } else if (shuffled_b.by_partners) {
      tasks.push_back({&a[i], &b[j], /*shuffled=*/true});
    }
  }
  const bool with_chance = tasks.size() > chosen.size();
  std::vector<LayerMatch> matches = match_all(similarities, tasks, parallel_for);

  NetworkMatch network;
  double weights = 0.0;
  std::vector<double> network_residuals;
  std::vector<bool> paired_a(a.size());
  std::vector<bool> paired_b(b.size());
  for (std::size_t p = 0; p < chosen.size(); ++p) {
    const auto [i, j] = chosen[p];
    LayerPair pair{i, j, std::move(matches[p]), with_chance ? matches[chosen.size() + p].score : 0.0, 0.0};
    const auto weight = static_cast<double>(std::max(a[i].units, b[j].units));
    if (similarities.measure() == Measure::minhash) {
      const std::vector<double> residuals = slot_residuals(similarities, a[i], b[j], pair.match);
      pair.standard_error = standard_error(residuals);
      network_residuals.resize(residuals.size(), 0.0);
      for (std::size_t k = 0; k < residuals.size(); ++k) {
        network_residuals[k] += weight * residuals[k];
      }
    }
    network.score += weight * pair.match.score;
    network.chance += weight * pair.chance;
    weights += weight;
    paired_a[i] = true;
    paired_b[j] = true;
    network.pairs.push_back(std::move(pair));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    weights += paired_a[i] ? 0.0 : static_cast<double>(a[i].units);
  }
  for (std::size_t j = 0; j < b.size(); ++j) {
    weights += paired_b[j] ? 0.0 : static_cast<double>(b[j].units);
  }
  network.score /= weights;
  network.chance /= weights;
  if (similarities.measure() == Measure::minhash) {
    for (double& residual : network_residuals) {
      residual /= weights;
    }
    network.standard_error = standard_error(network_residuals);
  }
  return network;
}

}  // namespace funcsim

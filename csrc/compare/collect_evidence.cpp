#include "compare/collect_evidence.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <utility>

#include "kernels/activation_signatures/activation_signatures.h"
#include "kernels/common/error.h"
#include "kernels/minhash/minhash.h"
#include "kernels/shuffle_samples/shuffle_samples.h"

namespace funcsim {

namespace {

/// Inputs that are sketched at a time: every block costs a pass over all slots, whatever the number of its samples, so
/// batches as small as memory wants them would be slow.
constexpr std::int64_t block_inputs = 4096;

/// The bits of the block of inputs that is being filled, one layer.
struct BlockBits {
  std::int64_t row_bytes;
  std::vector<std::uint8_t> rows;
};

/// Gathers batches into blocks and sketches each block when it is full.
class BlockSketcher {
 public:
  BlockSketcher(const std::vector<LayerExtent>& extents, std::int64_t num_inputs, const SignatureOptions& options,
                std::int64_t num_hashes, const std::vector<std::int32_t*>& sketches,
                const std::vector<std::int32_t*>& shuffled, const ParallelFor& parallel_for)
      : extents_(extents),
        num_inputs_(num_inputs),
        options_(options),
        num_hashes_(num_hashes),
        sketches_(sketches),
        shuffled_(shuffled),
        parallel_for_(parallel_for) {
    if (!shuffled.empty()) {
      partners_ = shuffle_partners(num_inputs, options.seed, options.first_input);
      for (std::int64_t& partner : partners_) {
        partner += options.first_input;
      }
    }
    for (const LayerExtent& extent : extents) {
      const std::int64_t row_bytes = signature_bytes(std::min(num_inputs, block_inputs) * extent.samples_per_input);
      blocks_.push_back({row_bytes, std::vector<std::uint8_t>(extent.units * row_bytes)});
    }
  }

  void add(const SignatureBatch& batch) {
    std::int64_t taken = 0;
    while (taken < batch.num_inputs) {
      const std::int64_t start = batch.first_input + taken;
      const std::int64_t place = start % block_inputs;
      const std::int64_t inputs = std::min(batch.num_inputs - taken, block_inputs - place);
      copy(batch, taken, place, inputs);
      taken += inputs;
      if (place + inputs == block_inputs || start + inputs == num_inputs_) {
        sketch(batch.layer, start - place, place + inputs);
      }
    }
  }

 private:
  /// Batches start at multiples of 8 inputs and so do blocks: whole bytes move.
  void copy(const SignatureBatch& batch, std::int64_t taken, std::int64_t place, std::int64_t inputs) {
    const LayerExtent& extent = extents_[batch.layer];
    BlockBits& block = blocks_[batch.layer];
    const std::int64_t from = taken * extent.samples_per_input / 8;
    const std::int64_t to = place * extent.samples_per_input / 8;
    const std::int64_t bytes = signature_bytes(inputs * extent.samples_per_input);
    for (std::int64_t u = 0; u < extent.units; ++u) {
      std::memcpy(block.rows.data() + (u * block.row_bytes) + to, batch.signatures + (u * batch.row_bytes) + from,
                  static_cast<std::size_t>(bytes));
    }
  }

  void sketch(std::int64_t layer, std::int64_t block_start, std::int64_t inputs) {
    const LayerExtent& extent = extents_[layer];
    const BlockBits& block = blocks_[layer];
    const BlockOrder& order = order_of(extent.samples_per_input, block_start, inputs);
    minhash(block.rows.data(), extent.units, block.row_bytes, order.samples, sketches_[layer], parallel_for_);
    if (!shuffled_.empty()) {
      minhash(block.rows.data(), extent.units, block.row_bytes, order.shuffled, shuffled_[layer], parallel_for_);
    }
  }

  struct BlockOrder {
    std::int64_t start = -1;
    SampleOrder samples;
    SampleOrder shuffled;
  };

  /// Layers with equally many samples an input share the order of a block's samples.
  const BlockOrder& order_of(std::int64_t samples_per_input, std::int64_t start, std::int64_t inputs) {
    BlockOrder& order = orders_[samples_per_input];
    if (order.start != start) {
      order.start = start;
      order.samples = sample_order(inputs * samples_per_input, num_hashes_, options_.seed,
                                   (options_.first_input + start) * samples_per_input);
      if (!shuffled_.empty()) {
        order.shuffled = sample_order(samples_of(std::span(partners_).subspan(start, inputs), samples_per_input),
                                      num_hashes_, options_.seed);
      }
    }
    return order;
  }

  const std::vector<LayerExtent>& extents_;
  std::int64_t num_inputs_;
  const SignatureOptions& options_;
  std::int64_t num_hashes_;
  const std::vector<std::int32_t*>& sketches_;
  const std::vector<std::int32_t*>& shuffled_;
  const ParallelFor& parallel_for_;
  std::vector<std::int64_t> partners_;  ///< global index of every input's partner
  std::vector<BlockBits> blocks_;
  std::map<std::int64_t, BlockOrder> orders_;
};

}  // namespace

std::vector<LayerExtent> layer_extents(const Network& network, const torch::stable::Tensor& inputs,
                                       std::int64_t positions) {
  const std::vector<LayerSamples> samples = network.plan(inputs, positions).samples;
  std::vector<LayerExtent> extents;
  extents.reserve(samples.size());
  for (std::size_t l = 0; l < samples.size(); ++l) {
    extents.push_back({network.hidden_layers()[l].units, samples[l].samples_per_input,
                       inputs.size(0) * samples[l].samples_per_input});
  }
  return extents;
}

void collect_signatures(const Network& network, const torch::stable::Tensor& inputs, const SignatureOptions& options,
                        const std::vector<LayerExtent>& extents, const std::vector<std::uint8_t*>& rows,
                        const ParallelFor& parallel_for) {
  record_signatures(network, inputs, options, parallel_for, [&](const SignatureBatch& batch) {
    const LayerExtent& extent = extents[batch.layer];
    const std::int64_t row_bytes = signature_bytes(extent.num_samples);
    std::uint8_t* to = rows[batch.layer] + (batch.first_input * extent.samples_per_input / 8);
    const auto bytes = static_cast<std::size_t>(signature_bytes(batch.num_samples));
    for (std::int64_t u = 0; u < extent.units; ++u) {
      std::memcpy(to + (u * row_bytes), batch.signatures + (u * batch.row_bytes), bytes);
    }
  });
}

void collect_sketches(const Network& network, const torch::stable::Tensor& inputs, const SignatureOptions& options,
                      const std::vector<LayerExtent>& extents, std::int64_t num_hashes,
                      const std::vector<std::int32_t*>& sketches, const std::vector<std::int32_t*>& shuffled,
                      const ParallelFor& parallel_for) {
  for (const auto* target : {&sketches, &shuffled}) {
    for (std::size_t l = 0; l < target->size(); ++l) {
      std::fill_n((*target)[l], extents[l].units * num_hashes, empty_slot);
    }
  }
  BlockSketcher sketcher(extents, inputs.size(0), options, num_hashes, sketches, shuffled, parallel_for);
  record_signatures(network, inputs, options, parallel_for, [&](const SignatureBatch& batch) { sketcher.add(batch); });
}

}  // namespace funcsim

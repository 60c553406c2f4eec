#include "compare/collect_evidence.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "kernels/common/bits.h"
#include "kernels/common/error.h"
#include "kernels/minhash/minhash.h"
#include "kernels/shuffle_samples/shuffle_samples.h"

namespace funcsim {

namespace {

/// The bits of the block of inputs that is being filled, one layer.
struct BlockBits {
  std::int64_t row_bytes;
  std::vector<std::uint8_t> rows;
};

/// Gathers batches into blocks and sketches each block when it is full: every block costs a pass over all slots,
/// whatever the number of its samples, so batches as small as memory wants them would be slow.
class BlockSketcher {
 public:
  BlockSketcher(const NetworkRun& run, std::int64_t num_hashes, const std::vector<std::int32_t*>& sketches,
                const std::vector<std::int32_t*>& shuffled, const ParallelFor& parallel_for)
      : run_(run), num_hashes_(num_hashes), sketches_(sketches), shuffled_(shuffled), parallel_for_(parallel_for) {
    const std::int64_t first_input = run.options().first_input;
    if (!shuffled.empty()) {
      partners_ = shuffle_partners(run.num_inputs(), run.options().seed, first_input, parallel_for);
      for (std::int64_t& partner : partners_) {
        partner += first_input;
      }
    }
    for (const LayerExtent& extent : run.extents()) {
      const std::int64_t row_bytes =
          signature_bytes(std::min(run.num_inputs(), block_inputs) * extent.samples_per_input);
      blocks_.push_back({row_bytes, std::vector<std::uint8_t>(extent.units * row_bytes)});
    }
  }

  /// Where in its block a batch goes.
  PackedRows rows(const SignatureBatch& batch) {
    BlockBits& block = blocks_[batch.layer];
    const std::int64_t place = batch.first_input % block_inputs * run_.extents()[batch.layer].samples_per_input;
    return {block.rows.data() + (place / 8), block.row_bytes};
  }

  /// Sketches the block if the batch was its last.
  void packed(const SignatureBatch& batch) {
    const std::int64_t end = batch.first_input + batch.num_inputs;
    if (end % block_inputs == 0 || end == run_.num_inputs()) {
      const std::int64_t start = batch.first_input / block_inputs * block_inputs;
      sketch(batch.layer, start, end - start);
    }
  }

 private:
  void sketch(std::int64_t layer, std::int64_t block_start, std::int64_t inputs) {
    const LayerExtent& extent = run_.extents()[layer];
    const BlockBits& block = blocks_[layer];
    const BlockOrder& order = order_of(extent.samples_per_input, block_start, inputs);
    // The first block fills the sketches, the others are merged into them.
    const auto add = block_start == 0 ? new_minhash : minhash;
    add(block.rows.data(), extent.units, block.row_bytes, order.samples, sketches_[layer], parallel_for_);
    if (!shuffled_.empty()) {
      add(block.rows.data(), extent.units, block.row_bytes, order.shuffled, shuffled_[layer], parallel_for_);
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
      order.samples = sample_order(inputs * samples_per_input, num_hashes_, run_.options().seed,
                                   (run_.options().first_input + start) * samples_per_input, parallel_for_);
      if (!shuffled_.empty()) {
        order.shuffled = sample_order(samples_of(std::span(partners_).subspan(start, inputs), samples_per_input),
                                      num_hashes_, run_.options().seed, parallel_for_);
      }
    }
    return order;
  }

  const NetworkRun& run_;
  std::int64_t num_hashes_;
  const std::vector<std::int32_t*>& sketches_;
  const std::vector<std::int32_t*>& shuffled_;
  const ParallelFor& parallel_for_;
  std::vector<std::int64_t> partners_;  ///< global index of every input's partner
  std::vector<BlockBits> blocks_;
  std::map<std::int64_t, BlockOrder> orders_;
};

}  // namespace

void collect_signatures(const NetworkRun& run, const std::vector<std::uint8_t*>& rows,
                        const ParallelFor& parallel_for) {
  const auto place = [&](const SignatureBatch& batch) -> PackedRows {
    const LayerExtent& extent = run.extents()[batch.layer];
    return {rows[batch.layer] + (batch.first_input * extent.samples_per_input / 8),
            signature_bytes(extent.num_samples)};
  };
  run.record(place, [](const SignatureBatch&) {}, parallel_for);
}

void collect_sketches(const NetworkRun& run, std::int64_t num_hashes, const std::vector<std::int32_t*>& sketches,
                      const std::vector<std::int32_t*>& shuffled, const ParallelFor& parallel_for) {
  BlockSketcher sketcher(run, num_hashes, sketches, shuffled, parallel_for);
  run.record([&](const SignatureBatch& batch) { return sketcher.rows(batch); },
             [&](const SignatureBatch& batch) { sketcher.packed(batch); }, parallel_for);
}

}  // namespace funcsim

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

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

std::uint8_t* bytes_of(Tensor& tensor) {
  return tensor.mutable_data_ptr<std::uint8_t>();
}

class SignatureCollector final : public EvidenceCollector {
 public:
  SignatureCollector(const NetworkRun& run, Execution& execution, NetworkPass::Observe observe)
      : layers_(new_layers(run)),
        pass_(
            run, execution, [&](const auto& batch) { return rows(run, batch); }, [](const auto&) {},
            std::move(observe)) {}

  void finish_layer(std::int64_t layer) override { pass_.finish_layer(layer); }
  const std::vector<Tensor>& layers() const override { return layers_; }
  const std::vector<Tensor>& shuffled() const override { return none_; }

 private:
  static std::vector<Tensor> new_layers(const NetworkRun& run) {
    std::vector<Tensor> layers;
    for (const LayerExtent& extent : run.extents()) {
      layers.push_back(new_tensor_like(run.inputs(), {extent.units, signature_bytes(extent.num_samples)}, Dtype::Byte));
    }
    return layers;
  }

  PackedRows rows(const NetworkRun& run, const SignatureBatch& batch) {
    const LayerExtent& extent = run.extents()[batch.layer];
    return {bytes_of(layers_[batch.layer]) + (batch.first_input * extent.samples_per_input / 8),
            signature_bytes(extent.num_samples)};
  }

  std::vector<Tensor> layers_;
  std::vector<Tensor> none_;
  NetworkPass pass_;
};

/// Merges blocks of packed signatures into sketches, where they are.
class BlockSketcher {
 public:
  BlockSketcher() = default;
  BlockSketcher(const BlockSketcher&) = delete;
  BlockSketcher& operator=(const BlockSketcher&) = delete;
  BlockSketcher(BlockSketcher&&) = delete;
  BlockSketcher& operator=(BlockSketcher&&) = delete;
  virtual ~BlockSketcher() = default;

  /// @param start    first input of the block, counted from inputs[0]
  /// @param shuffled null: not wanted
  virtual void sketch(const LayerExtent& extent, const std::uint8_t* bits, std::int64_t row_bytes, std::int64_t start,
                      std::int64_t inputs, std::int32_t* sketches, std::int32_t* shuffled) = 0;
};

class HostSketcher final : public BlockSketcher {
 public:
  HostSketcher(const NetworkRun& run, std::int64_t num_hashes, bool with_shuffled, const ParallelFor& parallel_for)
      : run_(run), num_hashes_(num_hashes), parallel_for_(parallel_for) {
    if (with_shuffled) {
      const std::int64_t first_input = run.options().first_input;
      partners_ = shuffle_partners(run.num_inputs(), run.options().seed, first_input, parallel_for);
      for (std::int64_t& partner : partners_) {
        partner += first_input;
      }
    }
  }

  void sketch(const LayerExtent& extent, const std::uint8_t* bits, std::int64_t row_bytes, std::int64_t start,
              std::int64_t inputs, std::int32_t* sketches, std::int32_t* shuffled) override {
    const BlockOrder& order = order_of(extent.samples_per_input, start, inputs);
    // The first block fills the sketches, the others are merged into them.
    const auto add = start == 0 ? new_minhash : minhash;
    add(bits, extent.units, row_bytes, order.samples, sketches, parallel_for_);
    if (shuffled != nullptr) {
      add(bits, extent.units, row_bytes, order.shuffled, shuffled, parallel_for_);
    }
  }

 private:
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
      if (!partners_.empty()) {
        order.shuffled = sample_order(samples_of(std::span(partners_).subspan(start, inputs), samples_per_input),
                                      num_hashes_, run_.options().seed, parallel_for_);
      }
    }
    return order;
  }

  const NetworkRun& run_;
  std::int64_t num_hashes_;
  const ParallelFor& parallel_for_;
  std::vector<std::int64_t> partners_;  ///< global index of every input's partner
  std::map<std::int64_t, BlockOrder> orders_;
};

class DeviceSketcher final : public BlockSketcher {
 public:
  DeviceSketcher(const NetworkRun& run, std::int64_t num_hashes, bool with_shuffled, DeviceCall& call)
      : run_(run), num_hashes_(num_hashes), call_(call) {
    if (with_shuffled) {
      partners_ = new_tensor_like(run.inputs(), {run.num_inputs()}, Dtype::Long);
      call.kernels().shuffle_partners(run.num_inputs(), run.options().seed, run.options().first_input,
                                      partners_.mutable_data_ptr<std::int64_t>(), call.queue());
      call.release_scratch();
    }
  }

  void sketch(const LayerExtent& extent, const std::uint8_t* bits, std::int64_t row_bytes, std::int64_t start,
              std::int64_t inputs, std::int32_t* sketches, std::int32_t* shuffled) override {
    const std::int64_t samples = inputs * extent.samples_per_input;
    const std::int64_t first_sample = (run_.options().first_input + start) * extent.samples_per_input;
    const auto add = [&](const HashedSamples& hashed, std::int32_t* slots) {
      call_.kernels().minhash(bits, extent.units, row_bytes, samples, hashed, num_hashes_, run_.options().seed,
                              /*merge=*/start != 0, slots, call_.queue());
      call_.release_scratch();
    };
    add({first_sample, nullptr, 1}, sketches);
    if (shuffled != nullptr) {
      add({0, partners_.const_data_ptr<std::int64_t>() + start, extent.samples_per_input}, shuffled);
    }
  }

 private:
  const NetworkRun& run_;
  std::int64_t num_hashes_;
  DeviceCall& call_;
  Tensor partners_;  ///< global index of every input's partner; undefined unless they are wanted
};

std::unique_ptr<BlockSketcher> make_sketcher(const NetworkRun& run, std::int64_t num_hashes, bool with_shuffled,
                                             Execution& execution) {
  if (execution.device.has_value()) {
    return std::make_unique<DeviceSketcher>(run, num_hashes, with_shuffled, *execution.device);
  }
  return std::make_unique<HostSketcher>(run, num_hashes, with_shuffled, execution.parallel_for);
}

/// Gathers batches into blocks and sketches each block when it is full: every block costs a pass over all slots,
/// whatever the number of its samples, so batches as small as memory wants them would be slow.
class SketchCollector final : public EvidenceCollector {
 public:
  SketchCollector(const NetworkRun& run, std::int64_t num_hashes, bool with_shuffled, Execution& execution)
      : run_(run),
        sketcher_(make_sketcher(run, num_hashes, with_shuffled, execution)),
        layers_(new_sketches(run, num_hashes)),
        shuffled_(with_shuffled ? new_sketches(run, num_hashes) : std::vector<Tensor>()),
        blocks_(new_blocks(run)),
        pass_(
            run, execution, [this](const auto& batch) { return rows(batch); },
            [this](const auto& batch) { packed(batch); }) {}

  void finish_layer(std::int64_t layer) override { pass_.finish_layer(layer); }
  const std::vector<Tensor>& layers() const override { return layers_; }
  const std::vector<Tensor>& shuffled() const override { return shuffled_; }

 private:
  static std::vector<Tensor> new_sketches(const NetworkRun& run, std::int64_t num_hashes) {
    std::vector<Tensor> sketches;
    for (const LayerExtent& extent : run.extents()) {
      sketches.push_back(new_tensor_like(run.inputs(), {extent.units, num_hashes}, Dtype::Int));
    }
    return sketches;
  }

  static std::vector<Tensor> new_blocks(const NetworkRun& run) {
    std::vector<Tensor> blocks;
    for (const LayerExtent& extent : run.extents()) {
      const std::int64_t samples = std::min(run.num_inputs(), block_inputs) * extent.samples_per_input;
      blocks.push_back(new_tensor_like(run.inputs(), {extent.units, signature_bytes(samples)}, Dtype::Byte));
    }
    return blocks;
  }

  /// Where in its block a batch goes.
  PackedRows rows(const SignatureBatch& batch) {
    Tensor& block = blocks_[batch.layer];
    const std::int64_t place = batch.first_input % block_inputs * run_.extents()[batch.layer].samples_per_input;
    return {bytes_of(block) + (place / 8), block.size(1)};
  }

  /// Sketches the block if the batch was its last.
  void packed(const SignatureBatch& batch) {
    const std::int64_t end = batch.first_input + batch.num_inputs;
    if (end % block_inputs == 0 || end == run_.num_inputs()) {
      const std::int64_t start = batch.first_input / block_inputs * block_inputs;
      const Tensor& block = blocks_[batch.layer];
      sketcher_->sketch(run_.extents()[batch.layer], block.const_data_ptr<std::uint8_t>(), block.size(1), start,
                        end - start, layers_[batch.layer].mutable_data_ptr<std::int32_t>(),
                        shuffled_.empty() ? nullptr : shuffled_[batch.layer].mutable_data_ptr<std::int32_t>());
    }
  }

  const NetworkRun& run_;
  std::unique_ptr<BlockSketcher> sketcher_;
  std::vector<Tensor> layers_;
  std::vector<Tensor> shuffled_;
  std::vector<Tensor> blocks_;  ///< the bits of the block of inputs that is being filled, of every layer
  NetworkPass pass_;
};

}  // namespace

std::unique_ptr<EvidenceCollector> signature_collector(const NetworkRun& run, Execution& execution,
                                                       NetworkPass::Observe observe) {
  return std::make_unique<SignatureCollector>(run, execution, std::move(observe));
}

std::unique_ptr<EvidenceCollector> sketch_collector(const NetworkRun& run, std::int64_t num_hashes, bool with_shuffled,
                                                    Execution& execution) {
  return std::make_unique<SketchCollector>(run, num_hashes, with_shuffled, execution);
}

std::vector<Tensor> collected(EvidenceCollector& collector, Execution& execution) {
  collector.finish();
  if (execution.device.has_value()) {
    execution.device->finish();
  }
  return collector.layers();
}

std::vector<LayerEvidence> evidence_of(const NetworkRun& run, const std::vector<Tensor>& layers) {
  std::vector<LayerEvidence> evidence;
  evidence.reserve(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    evidence.push_back(
        {layers[l].const_data_ptr(), layers[l].size(0), layers[l].size(1), run.extents()[l].num_samples});
  }
  return evidence;
}

}  // namespace funcsim

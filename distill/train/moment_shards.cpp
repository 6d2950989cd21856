#include "distill/train/moment_shards.h"

#include <algorithm>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr int64_t kAlignment = 64;            // elements whose touched bits are read together
constexpr int64_t kPiece = int64_t{4} << 20;  // elements that are sent together

// Calls visit(rank, range, piece) for the pieces of all ranges.
template <class Visit>
void for_each_piece(int64_t numel, int32_t world_size, const Visit& visit) {
  for (int32_t rank = 0; rank < world_size; ++rank) {
    const ElementRange range = moment_range(numel, rank, world_size);
    for (int64_t begin = range.begin; begin < range.end; begin += kPiece) {
      visit(rank, range, ElementRange{begin, std::min(begin + kPiece, range.end)});
    }
  }
}

at::Tensor part_of(const at::Tensor& tensor, ElementRange piece, int64_t first = 0) {
  return tensor.narrow(0, piece.begin - first, piece.end - piece.begin);
}

}  // namespace

ElementRange moment_range(int64_t numel, int32_t rank, int32_t world_size) {
  const auto edge = [&](int64_t parts) {
    return parts == world_size ? numel : numel / kAlignment * parts / world_size * kAlignment;
  };
  return {edge(rank), edge(rank + 1)};
}

void share_ranges(Communicator& communicator, const at::Tensor& flat) {
  for (int32_t rank = 0; rank < communicator.world_size(); ++rank) {
    const ElementRange range = moment_range(flat.numel(), rank, communicator.world_size());
    if (range.end > range.begin) communicator.broadcast_from(rank, part_of(flat, range));
  }
}

at::Tensor gather_moments(Communicator& communicator, const at::Tensor& own, int64_t numel) {
  at::Tensor whole;
  if (communicator.is_rank_zero()) whole = at::empty({numel}, at::kFloat);
  for_each_piece(
      numel, communicator.world_size(), [&](int32_t rank, ElementRange range, ElementRange piece) {
        const at::Tensor part = rank == communicator.rank()
                                    ? part_of(own, piece, range.begin)
                                    : at::empty({piece.end - piece.begin}, own.options());
        communicator.broadcast_from(rank, part);
        if (whole.defined()) part_of(whole, piece).copy_(part);
      });
  return whole;
}

void scatter_moments(Communicator& communicator, const at::Tensor& whole, const at::Tensor& own,
                     int64_t numel) {
  CONCERTINA_ASSERT(!communicator.is_rank_zero() || whole.numel() == numel);
  for_each_piece(numel, communicator.world_size(),
                 [&](int32_t rank, ElementRange range, ElementRange piece) {
                   const at::Tensor part = at::empty({piece.end - piece.begin}, own.options());
                   if (communicator.is_rank_zero()) part.copy_(part_of(whole, piece));
                   communicator.broadcast(part);
                   if (rank == communicator.rank()) part_of(own, piece, range.begin).copy_(part);
                 });
}

}  // namespace concertina

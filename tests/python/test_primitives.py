"""The typed functions are the operators, argument by argument."""

import funcsim
import torch

ops = torch.ops.funcsim
X = torch.randn(21, 5, generator=torch.Generator().manual_seed(0))
Y = torch.randn(21, 4, generator=torch.Generator().manual_seed(1))


def test_functions_are_the_operators() -> None:
    a, b = funcsim.activation_signatures(X, 0.2), funcsim.activation_signatures(Y, margin=0.2)
    assert torch.equal(a, ops.activation_signatures(X, 0.2))
    assert not torch.equal(a, funcsim.activation_signatures(X))
    assert torch.equal(funcsim.activation_signatures(X), ops.activation_signatures(X, 0.0))
    assert torch.equal(funcsim.jaccard(a, b), ops.jaccard(a, b))
    x, y = funcsim.minhash(a, 21, 16, 3, 5), funcsim.minhash(b, 21, num_hashes=16, seed=3, first_sample=5)
    assert torch.equal(x, ops.minhash(a, 21, 16, 3, 5))
    assert funcsim.minhash(a, 21).shape == (5, 1024)
    assert torch.equal(funcsim.minhash(a, 21), ops.minhash(a, 21, 1024, 0, 0))
    assert torch.equal(funcsim.minhash_jaccard(x, y), ops.minhash_jaccard(x, y))


def test_assignment_minimises_or_maximises() -> None:
    cost = torch.tensor([[1.0, 5.0], [4.0, 2.0]])
    for maximize, columns in ((False, [0, 1]), (True, [1, 0])):
        rows, found = funcsim.linear_sum_assignment(cost, maximize=maximize)
        assert (rows.tolist(), found.tolist()) == ([0, 1], columns)

"""Comparisons of networks that are on a device: the CPU's numbers, and everything else as on the CPU."""

from oracle import networks

NETWORKS = {network.name: network for network in networks.INTEGER_NETWORKS}
CNN, MLP = NETWORKS["flattened-batch-norm"], NETWORKS["mlp"]

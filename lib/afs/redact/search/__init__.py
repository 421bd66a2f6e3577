"""One text searched: runs, anchors and sweeps, with hyperscan as a gate where it is installed."""

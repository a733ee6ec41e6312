"""What the ensemble methods do: pooling, weighting, greedy selection, stacking, calibration."""

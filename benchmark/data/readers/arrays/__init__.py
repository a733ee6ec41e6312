"""Images as arrays, in .npz and .npy files."""

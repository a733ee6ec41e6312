"""What a trained model predicts, how long that takes, and in which precision."""

"""The NumPy-only track: LSTM and Relational RNN trained by hand. Nothing here imports torch."""

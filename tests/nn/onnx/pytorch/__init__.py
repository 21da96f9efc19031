"""Files as PyTorch writes them, with what it computes; `python -m tests.nn.onnx.pytorch` records them anew."""

"""The Runner port over ONNX Runtime, and what it needs to know of ONNX files and tensor files."""

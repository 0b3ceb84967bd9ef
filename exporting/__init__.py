"""Networks for other programs: recorded, written as ONNX, and compared with what they were recorded from."""

"""What runs on a CUDA card, tried on one: `make gpu`; and the same checks on the CPU: `make gpu-dry`."""

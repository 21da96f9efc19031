"""What PyTorch made of the cases, a file for each family."""

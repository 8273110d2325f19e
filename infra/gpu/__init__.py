"""GPU workers: provisioning at RunPod, and what runs on any machine with a GPU."""

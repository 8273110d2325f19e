"""olmOCR-bench: its pages as a page set, and its official checker on what a system read of them."""

"""What every HTML file of recto is made of: its frame and policy, its style, the explorer of pages, safe text."""

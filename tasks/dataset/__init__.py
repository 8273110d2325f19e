"""Pages to a dataset: the split ledger, shards, the card, and the folder that `datasets.load_dataset` reads."""

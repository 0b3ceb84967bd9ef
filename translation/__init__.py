"""Pictures of one domain into another without pairs, and without a generator of either: U-GAT-IT."""

"""Steps of the disclosure record's tables."""

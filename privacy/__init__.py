"""Keys, pseudonyms, linkage, consent, credentials and the disclosure record: who is whom, told to nobody."""

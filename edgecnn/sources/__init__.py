"""Any classifier: what its input wants, what its scores mean and which output is which class, each answered from evidence."""

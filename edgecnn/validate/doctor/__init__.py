"""The doctor of pre-processing: what each common mistake of an app does to a file's answers, and which of them explains what an app gives."""

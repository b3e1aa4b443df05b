"""What is wrong with a provider before anything is asked of it. No text holds a credential."""


class UnfitProvider(Exception):
    """A field of `spec.provider` is missing or makes no sense; the text names it and what to write."""


class UnfitSecret(Exception):
    """A Secret does not hold what the provider needs; the text names the Secret, the key and the remedy."""

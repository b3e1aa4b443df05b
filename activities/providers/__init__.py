"""Where metrics are asked for: one file a provider."""

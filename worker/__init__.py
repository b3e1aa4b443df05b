"""The process: settings, logs, the Temporal worker, the operator watch, the command line. Wiring only."""

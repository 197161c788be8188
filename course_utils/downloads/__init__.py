"""Downloads over a bad network: retried, resumed, verified, whole or absent."""

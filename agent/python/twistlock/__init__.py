"""The Serverless Defender, embedded into this function by `defender embed`."""

"""Evidence of trusted hardware, read and verified in a confined child."""

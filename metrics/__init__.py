"""How good are the pictures, and does the person survive? Numbers for generators; no flags here, and nothing downloads."""

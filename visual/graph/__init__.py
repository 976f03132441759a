"""Pictures of programs and runs: the model, its layout, DOT, Mermaid, and what is rendered from them."""

"""What users write: steps, containers, requirements, loops, references."""

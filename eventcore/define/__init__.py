"""What a program is: events, expressions, associations, steps, pools, values and configuration."""

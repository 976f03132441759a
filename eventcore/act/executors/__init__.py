"""The ways a step's function can be run; `base` has the contract, `choose` the names users write."""

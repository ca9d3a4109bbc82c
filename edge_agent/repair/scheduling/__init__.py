"""Where pods could go, by the rules of the scheduler that can hold them back."""

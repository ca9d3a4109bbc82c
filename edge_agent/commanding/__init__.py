"""What the platform orders: signed commands, the policy that allows them, and their run."""

"""What is looked for, as far as a pattern in rules.toml cannot say it: one module a family of kinds."""

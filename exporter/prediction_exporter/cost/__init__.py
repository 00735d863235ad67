"""What a model costs: by rates of what it uses, and by what was billed; money is decimal, and currencies are never added up."""

"""The gradient doctor: hold a backward pass against the automatic one, and name the mistake in it.

`compare` lays the gradients side by side and has what differs diagnosed; its names are `nn.compare`'s. `diagnosis`
chooses among the mistakes that account for a difference: those that `patterns` sees in the arrays alone, and those that
`mistakes` tries out on the model. `evidence` holds what all of them speak of; `series` the passes of the series.
"""

"""The gradient doctor: hold a backward pass against the automatic one, and name the mistake in it.

`compare` lays the gradients side by side and has what differs diagnosed, `comparison` is what it found; their names are
`nn.compare`'s. `differences` takes numerical derivatives, and `forward` looks for NaN on the way to the loss.
`diagnosis` chooses among the mistakes that account for a difference. Those that arrays show by themselves are in
`patterns`, and in `factors` if there is a number in them; those that are tried out on the model in `mistakes`, with
tables of them for the `layers` and the `losses`, and `trials` runs the model with one. `evidence` holds what all of
them speak of, `series` the passes of the series.
"""

"""How many examples each member of a family of properties draws."""

from hypothesis import settings

# Of a property in the dev profile.
WHILE_WRITING = 20
# Then a family draws as many together as ten properties, and each member a quarter of one at least.
TOGETHER, LEAST = 10, 4


def of_family(members: int) -> settings:
    """Return the settings of a property that many functions, or many mistakes, have in common.

    What is wrong in one of them is mostly wrong in what they share. While writing it is enough that all together draw
    hundreds of examples; in the other profiles each draws as many as any property.
    """
    own = settings().max_examples
    if own > WHILE_WRITING:
        return settings()
    return settings(max_examples=max(own // LEAST, min(own, TOGETHER * own // members)))


def costly(times: int = 2) -> settings:
    """Return the settings of a property whose examples take thousands of evaluations.

    In the dev profile it draws as many times fewer; in the others as many as any property.
    """
    own = settings().max_examples
    return settings(max_examples=own if own > WHILE_WRITING else max(1, own // times))

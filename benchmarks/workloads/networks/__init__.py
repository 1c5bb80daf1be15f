"""The networks, as lists of layers: the parts that are updated as a unit. One file a family; `names` finds them."""

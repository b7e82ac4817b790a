"""What a cast does to a model's weights.

``targets`` are the formats (what they take, what runs them), ``plan`` is what each tensor becomes and why
some
stay, ``numerics`` are sums over elements and the figures that follow from them.
"""

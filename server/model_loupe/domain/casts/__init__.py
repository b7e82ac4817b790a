"""What a cast does to a model's weights: ``targets`` (formats, what they take, what runs them), ``plan`` (what each
tensor becomes, and why some stay), ``numerics`` (sums over elements and the figures that follow from them).
"""

"""What casts do to a checkpoint's values: read in pieces, cast as libraries do, compared in float64."""

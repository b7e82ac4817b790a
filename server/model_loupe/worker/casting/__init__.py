"""What casts do to a checkpoint's own values: read in pieces, cast as the libraries cast, compared in float64."""

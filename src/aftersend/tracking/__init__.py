"""What recipients do with a message: the picture, links and opt-outs are answered here, and read into facts."""

"""Audio segmentation with YOHO networks: the parts of the paper, arrays in and arrays out."""


class InputError(ValueError):
    """What the user gave cannot be used: the message names the file, key or value and says what to do."""

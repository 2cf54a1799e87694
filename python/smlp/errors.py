"""What smlp raises. Every message is one line: where, what and the remedy."""

from __future__ import annotations


class SmlpError(Exception):
    """Base of all errors of this package.

    ``str(error)`` is the whole message; the parts of it that are known are attributes.
    """

    what: str = ""  # "the picture ends before its last row"
    file: str | None = None  # path as the caller gave it
    offset: int | None = None  # byte in the file
    tensor: str | None = None  # its name
    remedy: str | None = None  # what to do about it
    transient: bool = False  # memory, files or a queue failed: the input may be sound


class InputTypeError(SmlpError, TypeError):
    """A picture of a type, dtype or device that is not taken; nothing is converted silently."""


class InputError(SmlpError, ValueError):
    """A picture of a taken type with a wrong shape, layout or values; or no picture at all."""


class PictureError(SmlpError, ValueError):
    """A picture that cannot be read or decoded."""


class ModelError(SmlpError, ValueError):
    """A model file, or tensors, that this library does not run."""


class OptionError(SmlpError, ValueError):
    """An option that makes no sense, or that this machine cannot serve."""


class ClosedError(SmlpError, RuntimeError):
    """A session or a batcher that was closed."""


class JobError(SmlpError, RuntimeError):
    """A whole job (evaluate, compile, export, bench) that could not be done."""


class ResourceError(SmlpError, RuntimeError):
    """Memory, threads, descriptors or a disk failed; a second try may succeed."""


class QueueFullError(ResourceError):
    """A batcher's queue is full: try again later, or raise ``max_queue``."""


class DeadlineError(ResourceError, TimeoutError):
    """A request was not begun before its time was over."""


class CancelledError(ResourceError):
    """A request or a job was cancelled before it began or ended."""

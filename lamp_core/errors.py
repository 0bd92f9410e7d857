"""The two errors that users meet."""


class LampError(Exception):
    """A request that cannot be met: one line that names the thing and the remedy (exit status 2)."""


class RejectedClip(Exception):
    """A clip that cannot be used; the rest of the data set goes on.

    Args:
        reason: short kebab-case key, the same for every clip with this fault (``not-finite``).
        detail: a readable sentence with the figures of this clip.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["RejectedClip"], tuple[str, str]]:
        """Keep both parts when a worker process hands the error back."""
        return type(self), (self.reason, self.detail)

"""The one exception that means: the user can mend this. And how to tell a lack of memory."""


class StudyError(ValueError):
    """Bad input (a config value, a file, an argument), said in one clear message.

    The command line prints the message alone, without a traceback, and exits with status 2.
    The message says what was wrong, where, and what to do about it.
    """


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, the machine's or a card's."""
    # torch has a class of its own for a card that is full, and none for the CPU.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )

"""The one exception that means: the user can mend this."""


class StudyError(ValueError):
    """Bad input (a config value, a file, an argument), said in one clear message.

    The command line prints the message alone, without a traceback, and exits with status 2.
    The message says what was wrong, where, and what to do about it.
    """

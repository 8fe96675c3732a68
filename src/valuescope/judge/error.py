"""The error of the judging stage."""


class JudgeError(ValueError):
    """A prompt, scale, questionnaire or set of replies that cannot be judged with."""

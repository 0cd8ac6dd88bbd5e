"""Words about jobs, runs and the status, in the reader's language."""

from traybackup.app.jobs import EVERY_DAY, Job, Plugged
from traybackup.app.language import Language
from traybackup.app.runs import Problem, Run, Trigger
from traybackup.app.status import Reason, State
from traybackup.app.texts import Texts
from traybackup.app.wording.states import DAYS, LATE, OUTCOMES, STATES, TRIGGERS, WHEN, WHY_NOT


class RunTexts:
    """The sentences of one language."""

    def __init__(self, language: Language | None = None) -> None:
        self._language = language or Language()
        self._texts = Texts(language)

    def state(self, state: State) -> str:
        """Return how everything is doing, as a sentence."""
        return self._language.gettext(STATES[state.value])

    def reason(self, reason: Reason) -> str:
        """Return why, without a full stop."""
        if reason.word in LATE:
            return self._language.ngettext(*LATE[reason.word], int(reason.params.get("count") or 0))
        return self._language.gettext(WHY_NOT[reason.word])

    def outcome(self, run: Run) -> str:
        """Return how a run ended, in a word."""
        word = run.outcome.value if run.outcome else "running"
        return self._language.gettext(OUTCOMES[word])

    def trigger(self, trigger: Trigger) -> str:
        """Return what started a run."""
        return self._language.gettext(TRIGGERS[trigger.value])

    def problem(self, problem: Problem) -> str:
        """Return what went wrong, and what to do."""
        return self._texts.message(problem.code, problem.params).line

    def schedule(self, job: Job) -> str:
        """Return when a job starts by itself."""
        say, when = self._language.gettext, job.schedule
        if not job.enabled:
            return say(WHEN["disabled"])
        if when.by_hand:
            return say(WHEN["by-hand"])
        parts = []
        if when.at:
            times = ", ".join(one.strftime("%H:%M") for one in when.at)
            days = ", ".join(say(DAYS[day]) for day in sorted(when.days))
            parts.append(times if when.days == EVERY_DAY else f"{days} {times}")
        if when.at_start:
            parts.append(say(WHEN["start"]))
        if when.plugged is not Plugged.NEVER:
            parts.append(say(WHEN[when.plugged.value]))
        parts += [say(WHEN["program"], program=program) for program in when.programs]
        return "; ".join(parts)

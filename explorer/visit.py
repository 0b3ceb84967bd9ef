"""What one browser has done: the face it shows, those before it, favourites. Every browser has one of its own."""

from dataclasses import dataclass, field
from pathlib import Path

from explorer.face import Face

MOST = 40  # faces that are kept


@dataclass
class Visit:
    """
    now:        what is shown
    past:       what undo goes back to, the latest last
    favourites: in the order in which they were taken
    moved:      the slider that made `now`, "" where it was none
    names:      {(file, direction): its new name}, as long as they are not saved
    photo:      the file of the person found in a photo, "" for none
    """

    now: Face = field(default_factory=Face)
    past: list[Face] = field(default_factory=list)
    favourites: list[Face] = field(default_factory=list)
    moved: str = ""
    names: dict[tuple[str, int], str] = field(default_factory=dict)
    photo: str = ""

    def show(self, face: Face, slider: str = "") -> None:
        """Go on to a face. All moves of one slider, one after another, are one step back."""
        if face != self.now:
            if not slider or slider != self.moved:
                self.past = [*self.past, self.now][-MOST:]
            self.now, self.moved = face, slider

    def undo(self) -> None:
        if self.past:
            self.now, self.moved = self.past.pop(), ""

    def favour(self) -> None:
        """Keep what is shown, or let go of it where it is kept already."""
        kept = [face for face in self.favourites if face != self.now]
        self.favourites = kept if len(kept) < len(self.favourites) else [*kept, self.now][-MOST:]

    def file(self) -> str:
        return Path(self.photo).name

"""What one browser has done: the face it shows, those before it, favourites. Every browser has one of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from explorer.face import Face

if TYPE_CHECKING:
    from editing.cartoon import Person
    from explorer.photo import Photo
    from explorer.search import Search

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
    upload:     the photo, search and person: of the tab of photos
    """

    now: Face = field(default_factory=Face)
    past: list[Face] = field(default_factory=list)
    favourites: list[Face] = field(default_factory=list)
    moved: str = ""
    names: dict[tuple[str, int], str] = field(default_factory=dict)
    photo: str = ""
    upload: Photo | None = None
    search: Search | None = None
    person: Person | None = None

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
